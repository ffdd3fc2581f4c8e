"""The gate over 200 evaluations of a mini model that were really made; results/gate/README.md says how."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anatomy_r1.comparison.regression_gate.judge import FALSE_ALARMS, GateRule, judge, noise, tolerance
from anatomy_r1.comparison.regression_gate.sources import align
from anatomy_r1.comparison.systems import SystemRun, load_systems, systems
from anatomy_r1.scoring.question_table import table_metrics

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "results" / "gate" / "reevaluations.parquet"
README = FILE.with_name("README.md")
CELL = ROOT / "results" / "mini-first" / "store" / "sgg_anatomy_mini" / "mini-l" / "grpo" / "matched"
FRESH, REPEATS = range(1000, 1200), range(1200, 1205)
pytestmark = pytest.mark.slow

METRICS = ("avg@5", "pass@1", "major@5", "parsed", "truncated")


@pytest.fixture(scope="module")
def tables():
    """Question table of each seed."""
    found = pd.read_parquet(FILE).astype(dict.fromkeys(("id", "cluster", "category"), str))
    return {int(seed): table.drop(columns="seed").reset_index(drop=True) for seed, table in found.groupby("seed")}


@pytest.fixture(scope="module")
def committed():
    """The reference that a user has: the cell of `results/mini-first`, of the same weights."""
    (system,) = load_systems([str(CELL / "seed0.json")], None)
    return system


def system(tables, seeds, like):
    """As `load_systems` would have it from a result store."""
    (run,) = like.runs
    runs = [
        SystemRun("fresh", run.benchmark, s, tables[s], run.conditions, {**run.origin, "source": str(s)}) for s in seeds
    ]
    return systems(runs)[0]


def fired(reference, tables, like, rule):
    """Seeds whose evaluation fires, by the whole of the gate."""
    gates = {seed: judge(align([reference], [system(tables, [seed], like)], "sampling"), rule) for seed in FRESH}
    return [seed for seed, gate in gates.items() if gate.of("regression")]


def stated(what):
    """A row of the table in results/gate/README.md: reference runs, metrics judged, and what fired."""
    text = README.read_text(encoding="utf-8")
    return [float(number) for number in re.search(rf"^\| {what} \|(.*)$", text, re.MULTILINE)[1].strip("|").split("|")]


def test_two_hundred_real_re_evaluations_fire_in_at_most_two_percent(tables, committed):
    assert set(tables) == {*FRESH, *REPEATS}
    alarms = len(fired(committed, tables, committed, GateRule()))
    assert alarms <= FALSE_ALARMS * len(FRESH)
    assert stated("the committed result") == [1, 1, alarms]


@pytest.mark.parametrize(("what", "metrics"), [("five repeats", ("avg@5",)), ("five repeats, five metrics", METRICS)])
def test_five_repeats_as_the_reference(tables, committed, what, metrics):
    alarms = len(fired(system(tables, REPEATS, committed), tables, committed, GateRule(metrics=metrics)))
    assert alarms <= FALSE_ALARMS * len(FRESH)
    assert stated(what) == [5, len(metrics), alarms]


def test_whichever_of_them_is_the_reference(tables):
    """Each of the 200 once, against all others: how many of the references are unlucky, and what the mean is."""
    runs = [table_metrics(tables[seed]) for seed in FRESH]
    means = np.array([run["avg@5"].mean() for run in runs])
    limits = [
        tolerance(noise("avg@5", [run], [run], "sampling"), fresh=1, mode="sampling", judged=1).limit for run in runs
    ]
    rates = (means[:, np.newaxis] - means > np.array(limits)[:, np.newaxis]).sum(axis=1) / (len(runs) - 1)
    unlucky = int((rates > FALSE_ALARMS).sum())
    assert unlucky <= 6, "1 % of references are allowed to be, so two of 200; more than six would be a chance of 0.5 %"
    assert rates.mean() < FALSE_ALARMS / 2
    assert stated("each of the 200 against the others")[2] == pytest.approx(100 * rates.mean(), abs=0.01)
    assert "two of the 200 references fire on more than 2 %" in README.read_text(encoding="utf-8")
    assert unlucky == 2


def test_the_draw_of_responses_explains_the_variance_of_the_200(tables):
    """The noise model, on real responses: within three standard errors, no more between evaluations than within."""
    runs = [table_metrics(tables[seed]) for seed in FRESH]
    for metric in METRICS[:3]:
        measured = noise(metric, runs, runs[:1], "sampling")
        assert measured.between / measured.within == pytest.approx(1, abs=3 * np.sqrt(2 / 199))
