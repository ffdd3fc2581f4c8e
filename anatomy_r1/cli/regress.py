"""`anatomy-r1 regress`. Only argparse is imported at the top, so that `--help` is quick."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatomy_r1.cli.commands import add_command, add_report_options, check_formats, write_report

if TYPE_CHECKING:
    from anatomy_r1.comparison.regression_gate.judge import GateRule

ABOUT = """a gate for CI: fail if a metric fell by more than the noise allows

A result is a folder of a result store, one of its seed*.json, or a response log (all its runs, or LOG#RUN for one of
them; needs --data). A reference is any of these, or a file that --record wrote. Runs with several sampling seeds
measure the noise of sampling; results of several training seeds, that of training (--mode training). The rules:
docs/ci.md.

Exit status: 0 no regression, 1 regression, 2 refused, 3 a fresh result is missing or incomplete, 4 underpowered (with
--require-power)."""
EXAMPLE = """regress seed1.sqlite seed2.sqlite seed3.sqlite --data prepared --record reference.json
  anatomy-r1 regress fresh.sqlite --data prepared --against reference.json --junit junit.xml
  anatomy-r1 regress runs/mini/results/*/mini-l@*/cot-sft/matched --mode training \\
    --against results/mini/store/*/mini-l@*/cot-sft/matched"""
KINDS = ("questions", "prompts", "sampling", "arms")
METRICS = ("avg@5", "pass@1", "major@5", "greedy", "parsed", "truncated")
PASS, REGRESSION, UNDERPOWERED = 0, 1, 4
"""Exit statuses; 2 and 3 are those of every command."""


def add_regress_command(commands: Any) -> None:
    """Add `regress` with its arguments."""
    parser = add_command(commands, "regress", ABOUT, EXAMPLE, _regress)
    parser.add_argument("results", nargs="+", metavar="RESULT", help="results to judge, or to record")
    aim = parser.add_mutually_exclusive_group(required=True)
    aim.add_argument("--against", nargs="+", metavar="REFERENCE", help="results to judge against")
    record = "write the results as a reference file (JSON), to be committed"
    aim.add_argument("--record", type=Path, metavar="FILE", help=record)
    parser.add_argument("--data", type=Path, metavar="DIR", help="prepared set of response logs, or its parent folder")
    noise = "source of the noise: other sampling seeds (default), or other trainings"
    parser.add_argument("--mode", choices=("sampling", "training"), default="sampling", help=noise)
    metrics = f"metrics to judge: {', '.join(METRICS)} (default: avg@5); the others are only shown"
    parser.add_argument("--metrics", nargs="+", choices=METRICS, default=["avg@5"], metavar="METRIC", help=metrics)
    parser.add_argument("--by-category", action="store_true", help="also judge each anatomy or question type")
    alarms = "share of honest evaluations that may fire, over everything judged (default: 0.02)"
    parser.add_argument("--false-alarms", type=float, default=0.02, metavar="SHARE", help=alarms)
    smallest = "loss that must fire with 95 %%, or the gate is underpowered (default: 5)"
    parser.add_argument("--smallest-difference", type=float, default=5.0, metavar="POINTS", help=smallest)
    parser.add_argument("--require-power", action="store_true", help="fail if the gate is underpowered")
    different = f"judge although these conditions differ, and say so: {', '.join(KINDS)}"
    parser.add_argument("--allow-different", nargs="+", choices=KINDS, default=[], metavar="KIND", help=different)
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    github = "annotations and job summary of GitHub Actions (default: if GITHUB_ACTIONS is true)"
    parser.add_argument("--github", action="store_true", help=github)
    add_report_options(parser)


def _regress(args: argparse.Namespace) -> int:
    """Judge or record; JUnit and GitHub also report a refusal."""
    from anatomy_r1.comparison.regression_gate import report
    from anatomy_r1.errors import AnatomyR1Error, IncompleteError
    from anatomy_r1.files import write_output

    args.github = args.github or os.environ.get("GITHUB_ACTIONS") == "true"
    try:
        return _record(args) if args.record else _judge(args)
    except AnatomyR1Error as error:
        if args.junit:
            write_output(args.junit, report.junit_refusal(str(error)))
        if not args.github:
            raise
        print(report.github_annotation("error", str(error), f"{report.TITLE}: nothing was judged"))
        kind = IncompleteError if isinstance(error, IncompleteError) else AnatomyR1Error
        raise kind(report.disarmed(str(error)), instead=error.instead) from error


def _record(args: argparse.Namespace) -> int:
    from anatomy_r1.comparison.regression_gate.sources import load, recorded, write_reference

    systems = load(args.results, args.data)
    write_reference(args.record, systems)
    unfit = [f"UNFIT: {line}" for system in systems for line in system.unfit]
    _print([*unfit, *map(recorded, systems), f"reference: {args.record}"], args)
    return PASS


def _judge(args: argparse.Namespace) -> int:
    from anatomy_r1.comparison.regression_gate import report
    from anatomy_r1.comparison.regression_gate.judge import judge
    from anatomy_r1.comparison.regression_gate.sources import align, load
    from anatomy_r1.files import write_output
    from anatomy_r1.provenance import code_state
    from anatomy_r1.tables import markdown

    check_formats(args)
    rule = _rule(args)
    reference, fresh = load(args.against, args.data), load(args.results, args.data)
    gate = judge(align(reference, fresh, rule.mode, args.allow_different), rule, code_state()["commit"])
    document = report.document(gate, args.flips)
    shown = write_report(args, document, lambda: report.as_json(gate))
    _print([shown, *([*report.verdicts(gate), report.headline(gate)] if args.format == "text" else [])], args)
    if args.junit:
        write_output(args.junit, report.junit_xml(gate, require_power=args.require_power, named=args.flips))
    if args.github:
        for line in report.github_annotations(gate, require_power=args.require_power, named=args.flips):
            print(line)
        report.append_summary(markdown.render(document))
    if gate.of("regression"):
        return REGRESSION
    return UNDERPOWERED if args.require_power and gate.of("underpowered") else PASS


def _rule(args: argparse.Namespace) -> GateRule:
    from anatomy_r1.comparison.regression_gate.judge import GateRule

    return GateRule(
        mode=args.mode,
        metrics=tuple(args.metrics),
        by_category=args.by_category,
        false_alarms=args.false_alarms,
        smallest_difference=args.smallest_difference / 100,
    )


def _print(lines: Sequence[str], args: argparse.Namespace) -> None:
    """Print so that no name of a question or result can command the terminal or GitHub's runner."""
    from anatomy_r1.comparison.regression_gate.report import guarded
    from anatomy_r1.tables.text import plain_lines

    text = plain_lines("\n".join(lines).rstrip())
    print(guarded(text) if args.github else text)
