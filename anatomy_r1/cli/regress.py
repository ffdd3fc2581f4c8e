"""`anatomy-r1 regress`. Only argparse is imported here, so that `--help` is quick."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatomy_r1.cli.commands import add_command
from anatomy_r1.cli.report_options import add_report_options, check_formats, write_report

if TYPE_CHECKING:
    from anatomy_r1.comparison.regression_gate.judge import Gate, Rule

ABOUT = """did a metric fall by more than the noise allows? A gate for CI

A result is a folder of a result store, one of its seed*.json, or a response log (all its runs; needs --data). The
reference is the same, or a file that --record wrote. Several runs with other sampling seeds measure the noise of
sampling; results of several training seeds, that of training (--mode training). The rules: docs/ci.md.

Exit status: 0 no regression, 1 regression, 2 refused, 3 a fresh result is missing or incomplete, 4 underpowered (with
--require-power)."""
EXAMPLE = """regress seed1.sqlite seed2.sqlite seed3.sqlite --data prepared --record reference.json
  anatomy-r1 regress fresh.sqlite --data prepared --against reference.json --junit junit.xml
  anatomy-r1 regress runs/mini/results/*/mini-l/cot-sft/matched --mode training \\
    --against results/mini/store/*/mini-l/cot-sft/matched"""
KINDS = ("questions", "prompts", "sampling", "arms")
METRICS = ("avg@5", "pass@1", "major@5", "greedy", "parsed", "truncated")
PASS, REGRESSION, UNDERPOWERED = 0, 1, 4
"""Exit statuses; 2 and 3 are those of every command."""


def add_regress_command(commands: Any) -> None:
    """Add `regress` with its arguments."""
    parser = add_command(commands, "regress", ABOUT, EXAMPLE, _regress)
    parser.add_argument("results", nargs="+", metavar="RESULT", help="what is judged, or recorded")
    aim = parser.add_mutually_exclusive_group(required=True)
    aim.add_argument("--against", nargs="+", metavar="REFERENCE", help="what it is held against")
    aim.add_argument(
        "--record", type=Path, metavar="FILE", help="write the results as a reference (JSON), to be committed"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="prepared set of response logs, or its parent")
    noise = "where noise comes from: other sampling seeds (default), or other trainings"
    parser.add_argument("--mode", choices=("sampling", "training"), default="sampling", help=noise)
    parser.add_argument("--metrics", nargs="+", choices=METRICS, default=["avg@5"], metavar="METRIC", help=(
        f"that are judged: {', '.join(METRICS)} (default: avg@5); the others are shown"
    ))  # fmt: skip
    parser.add_argument("--by-category", action="store_true", help="judge each anatomy or question type too")
    alarms = "of honest evaluations that may fire, over everything judged (default: 0.02)"
    parser.add_argument("--false-alarms", type=float, default=0.02, metavar="SHARE", help=alarms)
    smallest = "loss that must be noticed with 95 %%, or the gate is underpowered (default: 5)"
    parser.add_argument("--smallest-difference", type=float, default=5.0, metavar="POINTS", help=smallest)
    parser.add_argument("--require-power", action="store_true", help="fail where it is underpowered")
    different = f"judge although these differ, and say so: {', '.join(KINDS)}"
    parser.add_argument("--allow-different", nargs="+", choices=KINDS, default=[], metavar="KIND", help=different)
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    github = "annotations and job summary of GitHub Actions (default: where GITHUB_ACTIONS is true)"
    parser.add_argument("--github", action="store_true", help=github)
    add_report_options(parser)


def _regress(args: argparse.Namespace) -> int:
    """Judge or record; a refusal reaches JUnit and GitHub too."""
    from anatomy_r1.comparison.regression_gate import ci as github
    from anatomy_r1.comparison.regression_gate import ci as junit
    from anatomy_r1.errors import AnatomyR1Error, IncompleteError
    from anatomy_r1.files import write_output

    args.github = args.github or github.asked()
    try:
        return _record(args) if args.record else _judge(args)
    except AnatomyR1Error as error:
        if args.junit:
            write_output(args.junit, junit.refusal(str(error)))
        if not args.github:
            raise
        print(github.command("error", str(error), f"{github.TITLE}: nothing was judged"))
        kind = IncompleteError if isinstance(error, IncompleteError) else AnatomyR1Error
        raise kind(github.disarmed(str(error))) from error


def _record(args: argparse.Namespace) -> int:
    from anatomy_r1.comparison.regression_gate.load import load
    from anatomy_r1.comparison.regression_gate.reference import recorded, write_reference

    systems = load(args.results, args.data)
    write_reference(args.record, systems)
    _print([*map(recorded, systems), f"reference: {args.record}"], args)
    return PASS


def _judge(args: argparse.Namespace) -> int:
    from anatomy_r1.comparison.regression_gate import ci as github
    from anatomy_r1.comparison.regression_gate import ci as junit
    from anatomy_r1.comparison.regression_gate.judge import judge
    from anatomy_r1.comparison.regression_gate.load import align, load
    from anatomy_r1.comparison.regression_gate.report import as_json, document, headline, verdicts
    from anatomy_r1.files import write_output
    from anatomy_r1.provenance import git_state
    from anatomy_r1.tables import markdown

    check_formats(args)
    rule = _rule(args)
    reference, fresh = load(args.against, args.data), load(args.results, args.data)
    gate = judge(align(reference, fresh, rule.mode, args.allow_different), rule, git_state()["commit"])
    report = document(gate, args.flips)
    shown = write_report(args, report, lambda: as_json(gate))
    _print([shown, *([*verdicts(gate), headline(gate)] if args.format == "text" else [])], args)
    if args.junit:
        write_output(args.junit, junit.junit(gate, require_power=args.require_power, named=args.flips))
    if args.github:
        for line in github.commands(gate, require_power=args.require_power, named=args.flips):
            print(line)
        github.append_summary(markdown.render(report))
    return status(gate, args.require_power)


def _rule(args: argparse.Namespace) -> Rule:
    from anatomy_r1.comparison.regression_gate.judge import Rule

    return Rule(
        mode=args.mode,
        metrics=tuple(args.metrics),
        by_category=args.by_category,
        false_alarms=args.false_alarms,
        smallest_difference=args.smallest_difference / 100,
    )


def _print(lines: Sequence[str], args: argparse.Namespace) -> None:
    """No name of a question or result can command the terminal, or GitHub's runner."""
    from anatomy_r1.comparison.regression_gate.ci import guarded
    from anatomy_r1.tables.text import plain_lines

    text = plain_lines("\n".join(lines).rstrip())
    print(guarded(text) if args.github else text)


def status(gate: Gate, require_power: bool) -> int:
    """Exit status of a gate."""
    if gate.of("regression"):
        return REGRESSION
    return UNDERPOWERED if require_power and gate.of("underpowered") else PASS
