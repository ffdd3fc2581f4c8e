"""`anatomy-r1 export`. Only argparse is imported at the top, so that `--help` is quick."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatomy_r1.cli.commands import add_command, add_group

if TYPE_CHECKING:
    from anatomy_r1.exports.evidence import Evidence

ABOUT = "write results, logs and prepared sets in the formats of other tools; nothing is uploaded"
CELL = "results/mini/store/sgg_anatomy_mini/mini-l@mini-l-1/grpo/matched/seed0.json"
EEE = """Every Eval Ever, schema 0.3: scores with errors and intervals, one row a response

SOURCE are results of a store (a folder: all results of models in it) or one response log. Rows need the questions
(--data), and hold responses if their log is named. Check them with `every_eval_ever validate`. See docs/exports.md."""
HUB = """the Hugging Face Hub: .eval_results/*.yaml and the model-index of a model card

SOURCE are the results of one model under one seed, or its response log. They are written into --out, the folder of the
model's repository: an existing README.md gets the index in its metadata and keeps its text. See docs/exports.md."""
INSPECT = """logs that Inspect opens (`inspect view --log-dir DIR`): sampled responses, and greedy ones

SOURCE is a response log, or a result with its log (--log). See docs/exports.md."""
CROISSANT = """Croissant 1.1 metadata of a prepared set: croissant.json beside its files

See docs/exports.md."""


def add_export_commands(subparsers: Any) -> None:
    """Add `export` and its formats."""
    example = f"export every-eval-ever {CELL} --developer our-lab --out exported"
    commands = add_group(subparsers, "export", ABOUT, example, metavar="FORMAT")
    _add_every_eval_ever(commands)
    _add_hub(commands)
    _add_inspect(commands)
    parser = add_command(commands, "croissant", CROISSANT, "export croissant prepared/sgg", _croissant)
    parser.add_argument("folder", type=Path, metavar="PREPARED", help="folder of the prepared set")
    parser.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: PREPARED/croissant.json)")
    about = "date of publication, such as 2026-01-31, which Croissant recommends to state"
    parser.add_argument("--date", metavar="DATE", help=about)


def _add_every_eval_ever(commands: Any) -> None:
    example = f"export every-eval-ever {CELL} --developer our-lab --out exported"
    parser = add_command(commands, "every-eval-ever", EEE, example, _every_eval_ever)
    _add_sources(parser)
    parser.add_argument("--developer", required=True, metavar="ORG", help="organisation that made the model")
    about = "organisation that evaluated it (default: the developer)"
    parser.add_argument("--evaluator", metavar="ORG", help=about)
    relations = ("first_party", "third_party", "collaborative", "other")
    about = "of evaluator and developer (default: first_party if they are one, else third_party)"
    parser.add_argument("--relationship", choices=relations, help=about)
    kinds = ("open_weights", "closed_weights", "unknown")
    parser.add_argument("--availability", choices=kinds, default="unknown", help="of the weights (default: unknown)")
    _add_date(parser)


def _add_hub(commands: Any) -> None:
    parser = add_command(commands, "hub", HUB, f"export hub {CELL} --out exported/model", _hub)
    _add_sources(parser)
    about = "benchmark on the Hub, for .eval_results; without it the model-index alone is written"
    parser.add_argument("--dataset", metavar="ORG/NAME", help=about)
    parser.add_argument("--task", metavar="ID", help="its task in the data set's eval.yaml (default: the benchmark)")
    about = "the one number of .eval_results (default: avg@5)"
    parser.add_argument("--metric", default="avg@5", metavar="NAME", help=about)
    parser.add_argument("--source-url", metavar="URL", help="page with the evidence, such as the site of the run")
    _add_date(parser)


def _add_inspect(commands: Any) -> None:
    example = "export inspect log.sqlite --data prepared --name our-model --out exported/inspect"
    parser = add_command(commands, "inspect", INSPECT, example, _inspect)
    _add_sources(parser)


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="results of a store, or a response log")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write into")
    parser.add_argument("--data", type=Path, metavar="DIR", help="prepared set that was asked, or its parent")
    parser.add_argument("--log", type=Path, metavar="FILE", help="response log that the one result was scored from")
    parser.add_argument("--run", dest="run_name", metavar="NAME", help="name of the run, if a log holds several")
    parser.add_argument("--name", metavar="NAME", help="name of the model; for a log, which has none")
    train = "training data, for the leakage report of a log: a prepared set, or files as in `data leakage`"
    parser.add_argument("--train-data", type=Path, nargs="+", default=[], metavar="PATH", help=train)


def _add_date(parser: argparse.ArgumentParser) -> None:
    about = "when the evaluation was run, such as 2026-01-31; it is recorded nowhere"
    parser.add_argument("--date", metavar="DATE", help=about)


def _evidence(args: argparse.Namespace) -> tuple[Evidence, ...]:
    from anatomy_r1.exports.evidence import Request, load_evidence

    sources, train = tuple(args.sources), tuple(args.train_data)
    return load_evidence(Request(sources, args.data, args.log, args.run_name, args.name, train))


def _every_eval_ever(args: argparse.Namespace) -> int:
    import time

    from anatomy_r1.exports.every_eval_ever import Publisher, write_every_eval_ever

    publisher = Publisher(args.developer, args.evaluator, args.relationship, args.availability, _date(args.date))
    now = int(time.time())
    found = _evidence(args)
    _report([path for one in found for path in write_every_eval_ever(args.out, one, publisher, now)], found)
    return 0


def _hub(args: argparse.Namespace) -> int:
    from anatomy_r1.exports.hub import HubOptions, write_hub

    found = _evidence(args)
    options = HubOptions(args.dataset, args.task, args.metric, args.source_url, _date(args.date))
    _report(write_hub(args.out, found, options), found)
    if not args.dataset:
        print(".eval_results was not written: it names a benchmark on the Hub. To write it, add --dataset ORG/NAME")
    return 0


def _inspect(args: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from anatomy_r1.exports.inspect_log import write_inspect

    created = datetime.now(UTC).replace(microsecond=0)
    found = _evidence(args)
    _report([path for one in found for path in write_inspect(args.out, one, created)], found)
    print(f"to open them: inspect view --log-dir {args.out}")
    return 0


def _croissant(args: argparse.Namespace) -> int:
    from anatomy_r1.exports.croissant import write_croissant

    print(write_croissant(args.folder, args.out, _date(args.date)))
    return 0


def _date(text: str | None) -> str | None:
    """A date as it was typed, if it is one."""
    from datetime import datetime

    from anatomy_r1.errors import AnatomyR1Error

    try:
        if text is not None:
            datetime.fromisoformat(text)
    except ValueError as error:
        raise AnatomyR1Error(f"--date {text!r}: no date of ISO 8601. Fix: --date 2026-01-31") from error
    return text


def _report(written: Sequence[Path], found: Sequence[Evidence]) -> None:
    """Name the files and whatever a reader of them must not miss."""
    from anatomy_r1.exports.notes import note_line
    from anatomy_r1.tables.text import plain_lines

    lines = [str(path) for path in written]
    lines += dict.fromkeys(f"note in it: {note_line(one.benchmark, one.provenance)}" for one in found)
    lines += [f"UNFIT: {one.source}: {reason}" for one in found for reason in one.fitness.reasons]
    if any(one.questions and not one.benchmark.endswith("_mini") for one in found):
        lines.append("question texts are in it, on the terms of their owners: read DATA_LICENSES.md before publishing")
    print(plain_lines("\n".join(lines)))
