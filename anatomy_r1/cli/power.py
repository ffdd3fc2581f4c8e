"""`anatomy-r1 power`. Only argparse is imported at the top, so that `--help` is quick."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatomy_r1.cli.commands import add_command

if TYPE_CHECKING:
    from anatomy_r1.comparison.power import Components

ABOUT = """tell how many bases and seeds detect a difference between two methods, before anything runs

The standard deviations of the difference (in points) are stated, or estimated from results of such methods: the first
SYSTEM is compared with each of the others. What is stated takes precedence. One base says nothing of other bases, so
--sd-base must then be stated. How to read the output: docs/statistics.md."""
EXAMPLE = """power results/mini/store/sgg_anatomy_mini/mini-l/grpo/matched \\
      results/mini/store/sgg_anatomy_mini/mini-l/dapo/matched --sd-base 3
  anatomy-r1 power --clusters 40 --sd-clusters 8 --sd-base 2 --sd-seed 0 --sd-training 3"""
_STATED = {
    "sd_clusters": ("cluster", "between clusters"),
    "sd_base": ("base", "between bases"),
    "sd_seed": ("seed", "between seeds, common to all bases"),
    "sd_training": ("training", "between trainings beyond that"),
}
"""Option -> the component that it states, and what it is."""


def add_power_command(commands: Any) -> None:
    """Add `power` with its arguments."""
    parser = add_command(commands, "power", ABOUT, EXAMPLE, _power)
    parser.add_argument("systems", nargs="*", metavar="SYSTEM", help="[NAME=]PATH, as in compare")
    for option, (_, about) in _STATED.items():
        parser.add_argument(f"--{option.replace('_', '-')}", type=float, metavar="POINTS", help=f"SD {about}")
    parser.add_argument("--clusters", type=int, metavar="N", help="clusters of the test set (default: the results')")
    smallest = "difference to detect (default: 5)"
    parser.add_argument("--smallest-difference", type=float, default=5.0, metavar="POINTS", help=smallest)
    about = "comparisons in the family, by which the level is divided (default: 1)"
    parser.add_argument("--family-size", type=int, default=1, metavar="N", help=about)
    parser.add_argument("--data", type=Path, metavar="DIR", help="prepared set of response logs, or its parent folder")
    about = "also draw N experiments of each design and count (default: 0, none)"
    parser.add_argument("--simulate", type=int, default=0, metavar="N", help=about)


def _power(args: argparse.Namespace) -> int:
    spread, clusters = _known(args)
    print("\n".join(_lines(args, spread, clusters)))
    return 0


def _known(args: argparse.Namespace) -> tuple[Components, int]:
    """Components and clusters: those stated over those estimated."""
    from anatomy_r1.comparison.power import Components
    from anatomy_r1.errors import AnatomyR1Error

    stated = {name: getattr(args, option) for option, (name, _) in _STATED.items()}
    found: dict[str, float] = {}
    clusters, bases = args.clusters, 0
    if args.systems:
        found, of_results, bases = _estimated(args)
        clusters = clusters or of_results
    known = {**found, **{name: value / 100 for name, value in stated.items() if value is not None}}
    if bases == 1 and stated["base"] is None:
        raise AnatomyR1Error("these results have one base, so the SD between bases is not known. Fix: --sd-base POINTS")
    missing = [option for option, (name, _) in _STATED.items() if name not in known]
    if missing or not clusters:
        options = [f"--{option.replace('_', '-')}" for option in missing] + ([] if clusters else ["--clusters"])
        raise AnatomyR1Error(f"not known: {', '.join(options)}. Fix: state them, or name results to estimate them from")
    if clusters < 2 or min(known.values()) < 0 or args.smallest_difference <= 0 or args.family_size < 1:
        raise AnatomyR1Error("expected two clusters or more, no negative SD, a difference above 0 and a family")
    return Components(**known), clusters


def _estimated(args: argparse.Namespace) -> tuple[dict[str, float], int, int]:
    """Components of the pairs, pooled; their clusters and bases."""
    from anatomy_r1.comparison.panel import panels, runs_of_pair
    from anatomy_r1.comparison.power import estimated, pooled
    from anatomy_r1.comparison.systems import load_systems
    from anatomy_r1.errors import AnatomyR1Error

    found, bases, clusters = [], 0, 0
    for panel in panels(load_systems(args.systems, args.data), ("prompts",)):
        clusters = max(clusters, len(set(panel.clusters.tolist())))
        for pair in panel.pairs:
            runs, _ = runs_of_pair(*pair)
            before, after = (panel.run_shares(system, "avg@5", runs) for system in pair)
            one = estimated(after - before, panel.clusters.tolist(), runs)
            found += [one] if one else []
            bases = max(bases, len({run.base for run in runs}))
    if not found:
        raise AnatomyR1Error("no pair has two seeds or more in common. Fix: state the SDs, or name other results")
    of = pooled(found)
    return {name: getattr(of, name) for name, _ in _STATED.values()}, clusters, bases


def _lines(args: argparse.Namespace, spread: Components, clusters: int) -> Iterator[str]:
    from anatomy_r1.comparison.power import Design, detectable_difference, simulate, smallest_designs
    from anatomy_r1.comparison.statistics import LEVEL

    level, wanted = LEVEL / args.family_size, args.smallest_difference / 100
    sds = ", ".join(f"{about} {100 * getattr(spread, name):.2f}" for name, about in _STATED.values())
    yield f"SD of a difference, points: {sds}; {clusters} clusters; level {level:.4g}, power 80 %"
    yield "minimum detectable difference of the method, points:"
    yield f"  {'bases x seeds':16}{'points':>8}" + (f"{'found at that':>16}{'covers':>9}" if args.simulate else "")
    for bases, seeds in ((1, 3), (1, 5), (3, 3), (3, 5), (5, 3), (5, 5), (8, 3), (10, 5)):
        design = Design(clusters, bases, seeds)
        points = detectable_difference(spread, design, level)
        drawn = ""
        if args.simulate:
            counted = simulate(spread, design, points, experiments=args.simulate)
            drawn = f"{100 * counted.found:15.1f}%{100 * counted.covered:8.1f}%"
        yield f"  {f'{bases} x {seeds}':16}{100 * points:8.2f}{drawn}" + ("  (this base only)" if bases == 1 else "")
    enough = [f"{one.bases} x {one.seeds}" for one in smallest_designs(spread, clusters, wanted, level=level)]
    found = ", ".join(enough) or "none up to 10 x 10"
    yield f"bases x seeds that detect {args.smallest_difference:g} points: {found}"
