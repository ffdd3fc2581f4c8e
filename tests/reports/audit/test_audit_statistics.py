"""Pass@1 against Avg@5, and what so many questions can resolve: against simulation and formulas by hand."""

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

from reports.audit import released_chance, resolution, sampling
from reports.audit.paper import PaperCell, load_cells, load_claims

SIZES = {"sgg_anatomy": 1000, "omnimed_mi": 522}


def test_the_bound_is_the_spread_of_the_gap_where_all_questions_are_alike():
    rng = np.random.default_rng(0)
    right = rng.random((4000, 200, 5)) < 0.4
    gaps = 100 * (right[:, :, 0].mean(axis=1) - right.mean(axis=(1, 2)))
    cells = [PaperCell(1, "m", "a", "b", "avg@5", 4000), PaperCell(1, "m", "a", "b", "pass@1", 4100)]
    [gap] = sampling.gaps(cells, 200)
    assert gap.bound == pytest.approx(gaps.std(), rel=0.03)
    assert (gap.points, gap.z()) == (1.0, pytest.approx(1 / gap.bound))
    assert gap.z(0.25) == pytest.approx(2 * gap.z())


def test_eight_of_the_papers_rows_differ_by_more_than_two_points():
    made = sampling.check(load_cells(), SIZES)
    assert "40 rows" in made.looked_at
    assert "8 gaps exceed 2 points" in made.looked_at
    [finding] = made.findings
    assert finding.strength == "suggestive"
    assert "14 rows and below in 3" in finding.figure


def test_a_pass1_that_is_no_sample_is_found_and_one_that_is_is_not(clean_cells):
    assert sampling.check(clean_cells, dict.fromkeys(SIZES, 1000)).findings == ()
    lifted = [replace(c, hundredths=c.hundredths + 500) if c.metric == "pass@1" else c for c in clean_cells]
    [finding] = sampling.check(lifted, dict.fromkeys(SIZES, 1000)).findings
    assert finding.strength == "strong"


def test_a_row_that_two_tables_print_counts_once(clean_cells):
    of = [cell for cell in clean_cells if cell.benchmark == "sgg_anatomy"]
    assert len(sampling.gaps(of, 1000)) == 22  # 20 rows of Table 1, 2 more of Table 2


def test_smallest_difference_is_the_textbooks_where_questions_are_independent():
    scenario = resolution.Scenario("x", discordance=0.25, rho=1.0, icc=0.0, videos=False)
    by_hand = 100 * (norm.ppf(0.975) + norm.ppf(0.8)) * np.sqrt(0.25 / 1000)
    assert resolution.smallest(scenario, 1000, "pass@1", 7) == pytest.approx(by_hand, rel=0.005)
    assert resolution.smallest(scenario, 1000, "avg@5", 7) == pytest.approx(by_hand, rel=0.005)  # five times the same
    apart = replace(scenario, rho=0.0)
    assert resolution.smallest(apart, 1000, "avg@5", 7) == pytest.approx(by_hand / np.sqrt(5), rel=0.005)


def test_few_videos_that_hang_together_make_it_worse():
    free = resolution.Scenario("x", discordance=0.25, rho=1.0, icc=0.0, videos=True)
    tied = replace(free, icc=0.05)
    seven, none = (resolution.smallest(one, 700, "pass@1", 7) for one in (free, replace(free, videos=False)))
    assert seven / none == pytest.approx(3.37 / 2.80, rel=0.01)  # docs/statistics.md: c with 7 clusters, and with many
    assert resolution.smallest(tied, 700, "pass@1", 7) / seven == pytest.approx(np.sqrt(1 + 99 * 0.05))


def test_the_ablation_of_the_paper_is_below_what_can_be_resolved_and_a_large_gain_is_not():
    found = {finding.id: finding for finding in resolution.check(load_claims(), load_cells(), SIZES).findings}
    assert "6 of 6" in found["resolution.ablation-each"].title
    assert "resolution.contribution-gdqa" not in found


def test_differences_planted_too_small_are_found(clean_paper):
    sizes = dict.fromkeys(SIZES, 1000)
    assert resolution.check(clean_paper.claims, clean_paper.cells, sizes).findings == ()
    whole = {c.metric: c.hundredths for c in clean_paper.cells if c.table == 2 and c.method == "grpo-gdqa"}
    cells = [replace(c, hundredths=whole[c.metric] - 90) if c.table == 2 and c.method != "grpo-gdqa" else c
             for c in clean_paper.cells]  # fmt: skip
    [finding] = resolution.check(clean_paper.claims, cells, sizes).findings
    assert finding.id == "resolution.ablation-each"


@pytest.mark.parametrize(("share", "strength"), [(0.9, "strong"), (0.39, "suggestive"), (0.34, None), (0.25, None)])
def test_how_strong_wording_above_chance_is_follows_from_its_p(monkeypatch, share, strength):
    options = ("Gut", "Liver", "Omentum", "Spleen")
    questions = [SimpleNamespace(options=options, cluster=f"VID{index % 50}") for index in range(100)]
    right = [index < 100 * share for index in random.Random(0).sample(range(100), 100)]
    monkeypatch.setattr(released_chance, "out_of_fold", lambda *_: None)
    monkeypatch.setattr(released_chance, "correct", lambda *_: right)
    files = [SimpleNamespace(name=f"{name}.json", questions=questions, records=questions) for name in "abc"]
    assert next((one.strength for one in released_chance.check_text(files).findings), None) == strength
