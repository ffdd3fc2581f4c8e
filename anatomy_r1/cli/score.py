"""`anatomy-r1 score`. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from anatomy_r1.cli.commands import add_command


def add_score_command(commands: Any) -> None:
    """Add `score` with its arguments."""
    about = "compute every metric from a response log, without a model"
    parser = add_command(commands, "score", about, "score log.sqlite --data prepared --json", _score)
    parser.add_argument("log", type=Path, metavar="LOG", help="response log")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared set, or its parent")
    parser.add_argument("--run", dest="run_name", metavar="NAME", help="name of the run, if the log holds several")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--parquet", type=Path, metavar="FILE", help="also export all responses to this file")


def _score(args: argparse.Namespace) -> int:
    from anatomy_r1.scoring.report import as_json, as_text
    from anatomy_r1.scoring.score import score

    scores = score(args.log, args.data, args.run_name)
    if args.parquet:
        from anatomy_r1.response_log.log import ResponseLog

        with ResponseLog(args.log, read_only=True) as log:
            log.export(args.parquet)
    print(as_json(scores) if args.json else as_text(scores))
    return 0
