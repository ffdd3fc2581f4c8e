"""docs/blind.md: the table of the two mini worlds is that of the committed results."""

import re
from pathlib import Path

import pytest

from anatomy_r1.results.store import load_results
from reports.tables.shortcuts import Shortcut, shortcuts

ROOT = Path(__file__).parents[2]
DASH = "\N{EN DASH}"
TITLES = {"zero-shot": "Zero-Shot", "sft": "SFT", "grpo": "GRPO"}


@pytest.fixture(scope="module")
def committed() -> dict[str, Shortcut]:
    found = shortcuts(load_results(ROOT / "results/shortcuts/store"))
    return {
        f"{one.policy.benchmark.split('_')[2]}: {TITLES[one.policy.method]}": one
        for one in found
        if one.policy.method in TITLES
    }


def test_every_number_of_the_table_is_that_of_the_store(committed):
    text = (ROOT / "docs/blind.md").read_text()
    table = re.search(r"<!-- shortcuts: begin.*?-->(.*?)<!-- shortcuts: end -->", text, re.DOTALL)
    rows = [line.strip("| ").split(" | ") for line in table[1].strip().splitlines()[2:]]
    assert {row[0] for row in rows} == set(committed)
    for name, *cells in rows:
        scores = committed[name].scores
        shown = [scores.get(view) for view in ("plain", "no-image", "balanced")]
        assert cells == [f"{s.percent:.2f} [{s.low:.2f}, {s.high:.2f}]" if s else DASH for s in shown]


def test_the_list_is_learnt_and_exposed_and_undone(committed):
    """The claim of the page: intervals far apart without the image, and at chance where the options are balanced."""
    confounded, balanced = committed["confounded: SFT"].scores, committed["balanced: SFT"].scores
    assert confounded["no-image"].low > 90
    assert balanced["no-image"].low < 25 < balanced["no-image"].high
    assert confounded["balanced"].low < 25 < confounded["balanced"].high
    assert balanced["plain"].low > 70
