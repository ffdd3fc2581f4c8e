"""`docs/reading.md`: each example of the table is read as the table says."""

import re
from pathlib import Path

import pytest

from anatomy_r1.scoring.lenient import extract_lenient
from anatomy_r1.scoring.strict import extract

OPTIONS = ("Gallbladder", "Liver", "Cystic Plate", "Omentum")
PAGE = Path(__file__).parents[2] / "docs" / "reading.md"
VERDICTS = {**{letter: letter for letter in "ABCD"}, "\u2013": None}


def examples():
    """Every complete example: output, strict choice, lenient choice."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and set(cells[1:3]) <= set(VERDICTS) and not re.search(r"later|below|cut off", cells[0]):
            for output in re.findall(r"`([^`]+)`", cells[0]):
                if "\u2026" not in output:
                    yield output.replace(r"\|", "|"), VERDICTS[cells[1]], VERDICTS[cells[2]]


@pytest.mark.parametrize(("output", "strict", "lenient"), list(examples()), ids=[output for output, _, _ in examples()])
def test_each_example_is_read_as_the_table_says(output, strict, lenient):
    assert extract(output, OPTIONS).choice == strict
    assert extract_lenient(output, OPTIONS).choice == lenient


def test_the_table_has_examples_of_both_kinds():
    verdicts = {(strict, lenient) for _, strict, lenient in examples()}
    assert len(list(examples())) > 30
    assert {("B", "B"), (None, "B"), (None, None), (None, "C")} <= verdicts
