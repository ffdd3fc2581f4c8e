"""GRIM against counting by hand, and the inference of N against tables made for an N."""

import numpy as np
import pytest

from reports.audit.grim import chance, check, fits, impossible, inferred, possible, possible_if_cut
from reports.audit.paper import PaperCell, load_cells


@pytest.mark.parametrize("responses", [1, 3, 7, 8, 250, 522, 1000, 2610])
def test_possible_is_what_rounding_every_count_gives(responses):
    # Decimal arithmetic in hundredths, apart from the code: each count's percentage, a tie rounded either way.
    reached = set()
    for m in range(responses + 1):
        low, rest = divmod(10_000 * m, responses)
        reached |= {low} if 2 * rest <= responses else set()
        reached |= {low + 1} if 2 * rest >= responses else set()
    assert {v for v in range(10_001) if possible(v, responses)} == reached
    assert chance(responses) == pytest.approx(len(reached) / 10_001)


@pytest.mark.parametrize("responses", [3, 522, 1000])
def test_possible_if_cut_is_what_cutting_every_count_gives(responses):
    reached = {10_000 * m // responses for m in range(responses + 1)}
    assert {v for v in range(10_001) if possible_if_cut(v, responses)} == reached


def test_everything_is_possible_of_ten_thousand():
    assert chance(10_000) == chance(20_000) == 1.0
    assert all(possible(v, 10_000) for v in range(0, 10_001, 37))


def cell(hundredths, metric="pass@1", method="m"):
    return PaperCell(1, "model", method, "sgg_anatomy", metric, hundredths)


@pytest.mark.parametrize("n", [137, 522, 1000])
def test_the_number_of_questions_is_inferred_from_cells_made_with_it(n):
    rng = np.random.default_rng(n)
    counts = [
        *((m, 1, "pass@1") for m in rng.integers(n, size=20)),
        *((m, 5, "avg@5") for m in rng.integers(5 * n, size=10)),
    ]
    cells = [cell(round(10_000 * int(m) / (k * n)), metric, f"m{i}") for i, (m, k, metric) in enumerate(counts)]
    best = inferred(fits(cells, 3 * n))
    assert (best.n, best.fitting) == (n, 30)
    assert best.tail < 1e-6
    assert impossible(cells, n) == ()


def test_expected_fits_are_those_of_random_percentages():
    rng = np.random.default_rng(0)
    cells = [cell(int(v), method=f"m{i}") for i, v in enumerate(rng.integers(0, 10_001, size=4000))]
    fit = fits(cells, 500)[-1]
    assert fit.fitting == pytest.approx(fit.expected, rel=0.15)
    assert fit.expected == pytest.approx(4000 * chance(500))
    assert 0.001 < fit.tail < 0.999


def test_the_papers_cells_as_counted_by_hand():
    """At N = 1,000 five responses a question give even last digits only; five cells have odd ones."""
    of = [one for one in load_cells() if one.benchmark == "sgg_anatomy"]
    odd = {one.address for one in of if one.metric == "avg@5" and one.hundredths % 2}
    assert {one.address for one in impossible(of, 1000)} == odd
    assert sorted(one.shown for one in impossible(of, 1000)) == ["31.25", "40.17", "40.19", "41.09", "46.21"]
    assert inferred(fits(of)).n == 1000


def test_no_number_of_questions_fits_all_of_omnimed():
    of = [one for one in load_cells() if one.benchmark == "omnimed_mi"]
    found = fits(of)
    assert max(fit.fitting for fit in found) < len(of) == 54
    assert inferred(found).n == 522
    [finding] = check(load_cells(), "omnimed_mi").findings
    assert "No N up to 6,000 allows all 54." in finding.figure
