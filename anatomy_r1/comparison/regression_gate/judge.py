"""A reference and a fresh result on the same questions -> a verdict for each metric. Pure.

In this order: a fall larger than the tolerance is a **regression**; where a loss of the smallest difference of interest
would not fire with 95 %, the gate is **underpowered**; else there is **no regression** that it could see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from anatomy_r1.comparison.panel import Panel, Shares
from anatomy_r1.comparison.regression_gate.flipped import flipped
from anatomy_r1.comparison.regression_gate.gate import Gate, Judged, Pair, Rule, Verdict
from anatomy_r1.comparison.regression_gate.noise import METRICS, Mode, noise
from anatomy_r1.comparison.regression_gate.tolerance import Tolerance, tolerance
from anatomy_r1.comparison.scores import ALL
from anatomy_r1.errors import AnatomyR1Error

Runs = tuple[list[Shares], list[Shares]]
"""Those of the reference and the fresh ones."""


def judge(panels: Sequence[Panel], rule: Rule, code: str = "") -> Gate:
    """Judge the second system of each panel against the first.

    Raises:
        AnatomyR1Error: when a metric is not known of every run, or the reference does not show its noise.
    """
    quantities = sum(len(rule.metrics) * len(_categories(panel, rule.by_category)) for panel in panels)
    return Gate(rule, tuple(_pair(panel, rule, quantities) for panel in panels), code)


def _categories(panel: Panel, each: bool) -> tuple[str, ...]:
    return (ALL, *(sorted(set(panel.categories.tolist())) if each else ()))


def _pair(panel: Panel, rule: Rule, quantities: int) -> Pair:
    (reference, fresh), everything = panel.systems, _runs(panel, ALL)
    judged = [
        _judged(panel, metric, category, rule, quantities)
        for metric in rule.metrics
        for category in _categories(panel, rule.by_category)
    ]
    others = [
        _shown(everything, metric, ALL)
        for metric in METRICS
        if metric not in rule.metrics and _known(everything, metric)
    ]
    if not rule.by_category:
        categories = _categories(panel, True)[1:]
        others += [_shown(_runs(panel, category), rule.metrics[0], category) for category in categories]
    lost, gained = flipped(*everything, panel.questions)
    return Pair(panel, reference, fresh, tuple(judged), tuple(others), lost, gained)


def _runs(panel: Panel, category: str) -> Runs:
    of = np.ones(len(panel.questions), dtype=bool) if category == ALL else panel.categories == category
    reference, fresh = ([_only(run, of) for run in panel.shares[system.name].values()] for system in panel.systems)
    return reference, fresh


def _only(run: Shares, of: NDArray[np.bool_]) -> Shares:
    return {metric: values[of] for metric, values in run.items() if metric in METRICS}


def _known(runs: Runs, metric: str) -> bool:
    """Of a submission it may not be known which responses were cut off."""
    return all(metric in run for side in runs for run in side)


def _shown(runs: Runs, metric: str, category: str) -> Judged:
    reference, fresh = (float(np.mean([run[metric].mean() for run in side])) for side in runs)
    return Judged(metric, category, len(runs[0][0][metric]), reference, fresh, tolerance=None, verdict=None)


def _judged(panel: Panel, metric: str, category: str, rule: Rule, quantities: int) -> Judged:
    runs = _runs(panel, category)
    if not _known(runs, metric):
        raise AnatomyR1Error(f"{panel.benchmark}: {metric} is not known of every run. Cure: leave it out of --metrics")
    measured, fresh = noise(metric, *runs, rule.mode), len(runs[1])
    found = tolerance(measured, fresh=fresh, mode=rule.mode, judged=quantities, false_alarms=rule.false_alarms)
    if found is None:
        raise AnatomyR1Error(_unknown(metric, panel.systems[0].name, rule.mode))
    bare = _shown(runs, metric, category)
    return replace(bare, tolerance=found, verdict=_verdict(bare.fall, found, rule.smallest_difference))


def _unknown(metric: str, name: str, mode: Mode) -> str:
    if mode == "training":
        return f"{name}: one training does not show how trainings differ. Cure: name two or more seeds, better five"
    return (
        f"{name}: one evaluation does not show the noise of {metric}. Cure: name two or more, with other sampling "
        "seeds, or leave the metric out"
    )


def _verdict(fall: float, found: Tolerance, smallest: float) -> Verdict:
    if fall > found.limit + 1e-12:  # rounding is no fall
        return "regression"
    return "underpowered" if found.detectable > smallest else "no regression"
