"""`anatomy-r1 compare`. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatomy_r1.cli.commands import add_command
from anatomy_r1.cli.report_options import add_report_options, check_formats, write_report

if TYPE_CHECKING:
    from anatomy_r1.comparison.outcome import Outcome

ABOUT = """is one system better than another, and could these questions have told?

Systems are named as [NAME=]PATH: a folder of a result store (all its seeds), one of its seed*.json, or a response log
(LOG#RUN where it holds several runs; needs --data). Files under one NAME are seeds of one system. The first system
named on each benchmark is its baseline. How to read what is printed: docs/statistics.md."""
EXAMPLE = """compare results/mini/store/*/mini-l/zero-shot results/mini/store/*/mini-l/grpo/matched --out compare.html
  anatomy-r1 compare base=old.sqlite new=new.sqlite --data prepared --format markdown
  anatomy-r1 compare results/mini/store --new grpo-gdqa --allow-different prompts"""
KINDS = ("questions", "prompts", "sampling", "arms", "seeds")
METRICS = ("avg@5", "pass@1", "major@5", "greedy")


def add_compare_command(commands: Any) -> None:
    """Add `compare` with its arguments."""
    parser = add_command(commands, "compare", ABOUT, EXAMPLE, _compare)
    parser.add_argument("systems", nargs="+", metavar="SYSTEM", help="[NAME=]PATH; the first is the baseline")
    parser.add_argument("--all-pairs", action="store_true", help="every system against every other")
    new = "this method or system against every other of its benchmark, model and arm: what it adds to each"
    parser.add_argument("--new", metavar="NAME", default="", help=new)
    parser.add_argument("--data", type=Path, metavar="DIR", help="prepared set of response logs, or its parent")
    parser.add_argument("--family", type=Path, metavar="FILE", help="comparisons declared before the run (YAML)")
    parser.add_argument("--metric", choices=METRICS, help="that is tested (default: avg@5; a family declares its own)")
    parser.add_argument(
        "--smallest-difference", type=float, metavar="POINTS", help="of interest (default: 5; likewise)"
    )
    different = "compare although these differ, and say so"
    parser.add_argument("--allow-different", nargs="+", choices=KINDS, default=[], metavar="KIND", help=different)
    parser.epilog = f"{parser.epilog}\n\nkinds that --allow-different knows: {', '.join(KINDS)}"
    parser.add_argument("--seed", type=int, default=0, help="of random sign patterns (default: 0)")
    add_report_options(parser)


def _compare(args: argparse.Namespace) -> int:
    from anatomy_r1.comparison.report import as_json, document
    from anatomy_r1.errors import AnatomyR1Error
    from anatomy_r1.tables.text import plain_lines

    check_formats(args)
    if args.new and args.all_pairs:
        raise AnatomyR1Error("--new and --all-pairs ask for different pairs. Fix: leave one of them out")
    if args.family and (args.metric or args.smallest_difference is not None):
        raise AnatomyR1Error(f"{args.family} declares metric and smallest difference. Fix: leave the options out")
    outcome = _outcome(args)
    print(plain_lines(write_report(args, document(outcome, args.flips), lambda: as_json(outcome))), end="")
    return 0


def _outcome(args: argparse.Namespace) -> Outcome:
    from anatomy_r1.comparison.compare import compare, family_of
    from anatomy_r1.comparison.family import declaration, load_family
    from anatomy_r1.comparison.load import load_systems
    from anatomy_r1.comparison.outcome import Outcome, system_scores
    from anatomy_r1.comparison.panel import panels
    from anatomy_r1.provenance import git_state

    family = load_family(args.family) if args.family else None
    systems = load_systems(args.systems, args.data)
    found = panels(systems, args.allow_different, args.all_pairs, args.new)
    family = family or family_of(found, args.metric or METRICS[0], args.smallest_difference)
    commits = [commit for system in systems for run in system.runs for commit in run.commits]
    return Outcome(
        panels=found,
        comparisons=compare(found, family, seed=args.seed),
        scores=tuple(score for panel in found for score in system_scores(panel, family.metric)),
        family=family,
        declaration=declaration(args.family, commits) if args.family else None,
        code=git_state()["commit"],
    )
