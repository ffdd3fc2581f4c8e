"""`anatomy-r1 compare`. Only argparse is imported at the top, so that `--help` is quick."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatomy_r1.cli.commands import add_command, add_report_options, check_formats, write_report

if TYPE_CHECKING:
    from anatomy_r1.comparison.compare import Analysis

ABOUT = """compare systems on the same questions: paired differences with intervals, tests and verdicts

A system is given as [NAME=]PATH: a folder of a result store (all its seeds), one of its seed*.json, or a response log
(LOG#RUN if it holds several runs; needs --data). Files under one NAME are seeds of one system. The first system of each
benchmark is its baseline. How to read the output: docs/statistics.md."""
EXAMPLE = """compare results/mini/store/*/mini-l@*/zero-shot results/mini/store/*/mini-l@*/grpo --out compare.html
  anatomy-r1 compare base=old.sqlite new=new.sqlite --data prepared --format markdown
  anatomy-r1 compare results/mini/store/*/mini-l@*/*po/matched --new dapo"""
KINDS = ("questions", "prompts", "sampling", "arms", "seeds")
METRICS = ("avg@5", "pass@1", "major@5", "greedy")


def add_compare_command(commands: Any) -> None:
    """Add `compare` with its arguments."""
    parser = add_command(commands, "compare", ABOUT, EXAMPLE, _compare)
    parser.add_argument("systems", nargs="+", metavar="SYSTEM", help="[NAME=]PATH; the first is the baseline")
    parser.add_argument("--all-pairs", action="store_true", help="compare every system with every other")
    new = "compare this method or system with every other of its benchmark, model and arm"
    parser.add_argument("--new", metavar="NAME", default="", help=new)
    parser.add_argument("--data", type=Path, metavar="DIR", help="prepared set of response logs, or its parent folder")
    parser.add_argument("--family", type=Path, metavar="FILE", help="comparisons declared before the run (YAML)")
    metric = "metric that is tested (default: avg@5; a family declares its own)"
    parser.add_argument("--metric", choices=METRICS, help=metric)
    smallest = "smallest difference of interest (default: 5; a family declares its own)"
    parser.add_argument("--smallest-difference", type=float, metavar="POINTS", help=smallest)
    different = f"compare although these conditions differ, and say so: {', '.join(KINDS)}"
    parser.add_argument("--allow-different", nargs="+", choices=KINDS, default=[], metavar="KIND", help=different)
    parser.add_argument("--seed", type=int, default=0, help="seed of random sign patterns (default: 0)")
    brief = "print the verdicts with their warnings and notes, and no further table; files of --out are whole"
    parser.add_argument("--brief", action="store_true", help=brief)
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
    analysis = _analysis(args)
    report = document(analysis, args.flips)
    printed = replace(report, tables=report.tables[:1]) if args.brief else report
    print(plain_lines(write_report(args, report, lambda: as_json(analysis), printed)), end="")
    return 0


def _analysis(args: argparse.Namespace) -> Analysis:
    from anatomy_r1.comparison.compare import analyse, undeclared_family
    from anatomy_r1.comparison.family import declaration, load_family
    from anatomy_r1.comparison.panel import panels
    from anatomy_r1.comparison.systems import load_systems
    from anatomy_r1.provenance import code_state

    family = load_family(args.family) if args.family else None
    systems = load_systems(args.systems, args.data)
    found = panels(systems, args.allow_different, args.all_pairs, args.new)
    commits = [commit for system in systems for run in system.runs for commit in run.commits]
    return analyse(
        found,
        family or undeclared_family(found, args.metric or METRICS[0], args.smallest_difference),
        declaration=declaration(args.family, commits) if args.family else None,
        code=code_state()["commit"],
        seed=args.seed,
    )
