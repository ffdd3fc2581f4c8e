"""Real questions, where the test data are at hand, and one of each kind, written here."""

import pytest

from anatomy_r1.data.inputs import Exclusions
from anatomy_r1.data.prepare.omnimed import read_med_r1
from anatomy_r1.data.prepare.released import read_released
from anatomy_r1.question import Question

SIX = ("Liver", "Gut", "Omentum", "Gallbladder")


def question(stem: str, benchmark: str = "sgg_anatomy", **changes) -> Question:
    parts = {
        "id": "q", "benchmark": benchmark, "stem": stem, "options": SIX, "answer": "Gut", "image": "a.png",
        "category": "Gut", "cluster": "VID01",
    }  # fmt: skip
    return Question(**(parts | changes))


@pytest.fixture(scope="session")
def released_questions(real_data) -> list[Question]:
    found = []
    for name in ("GRPO", "GRPO-GDQA", "GRPO-ASC-Learning"):
        data = (real_data / f"released/{name}.json").read_bytes()
        found += [record.question for record in read_released(data, f"{name}.json", Exclusions())]
    assert len(found) == 3000
    return found


@pytest.fixture(scope="session")
def microscopy_questions(real_data) -> list[Question]:
    found = []
    for name in ("train", "test"):
        data = (real_data / f"omnimed_splits/micro_{name}.json").read_bytes()
        found += [
            question(r.stem, "omnimed_mi", id=r.source, options=r.options, answer=r.answer, image=r.image)
            for r in read_med_r1(data, f"micro_{name}.json", Exclusions())
        ]
    assert len(found) == 5680
    return found


@pytest.fixture(scope="session")
def real_questions(released_questions, microscopy_questions) -> list[Question]:
    return released_questions + microscopy_questions
