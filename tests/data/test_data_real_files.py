"""The 3,000 released and the 5,680 Med-R1 records pass through readers and prompts without loss."""

import json
from collections import Counter

import pytest

from anatomy_r1.data.inputs import Exclusions
from anatomy_r1.data.prepare.omnimed import read_med_r1
from anatomy_r1.data.prepare.released import conflicts, read_released
from anatomy_r1.data.splits import UNUSED
from anatomy_r1.data.stems import FAMILIES, SIX, display, parse_stem
from anatomy_r1.prompts import render_text

FILES = {"GRPO": "answer", "GRPO-GDQA": "choice", "GRPO-ASC-Learning": "mixed"}


@pytest.fixture(scope="module", params=FILES)
def pairs(request, real_data):
    """(raw entry, record) of a released file."""
    data = (real_data / f"released/{request.param}.json").read_bytes()
    found = list(read_released(data, f"{request.param}.json", Exclusions()))
    return request.param, list(zip(json.loads(data), found, strict=True))


def test_every_released_prompt_is_rebuilt_character_for_character(pairs):
    name, found = pairs
    assert len(found) == 1000
    for raw, record in found:
        q = record.question
        direct = raw["sft_prompt"] if "sft_prompt" in raw else raw["sft_instruction"]
        assert render_text(q.stem, q.options, "think", record.wording) == raw["instruction"]
        assert "<image>" + render_text(q.stem, q.options, "direct", record.wording) == direct
        assert (q.answer, q.letter) == (raw["answer"], raw["solution"])
        assert "/CholecT45/data/" + q.image == raw["images"].strip()
        assert record.wording == FILES[name]


def test_every_released_stem_has_a_family_and_six_anatomies_suffice(pairs):
    _, found = pairs
    assert {record.question.family for _, record in found} == set(FAMILIES)
    assert {option for _, record in found for option in record.question.options} == {display(label) for label in SIX}
    assert not {record.question.cluster for _, record in found} & UNUSED


def test_families_and_surface_forms_of_the_gdqa_file(real_data):
    data = (real_data / "released/GRPO-GDQA.json").read_bytes()
    stems = [parse_stem(r.question.stem) for r in read_released(data, "GRPO-GDQA.json", Exclusions())]
    assert Counter(stem.form for stem in stems)["there"] == 365  # counted apart from this code: stems with "There is"
    assert all(
        parse_stem(stem).family == "other"
        for stem in ("", "How many things are there?", "There is nothing; what is it?")
    )


def test_conflicting_gold_answers_are_counted(real_data):
    """Three across the files and one within the ASC file, as counted apart from this code."""
    by_file = {}
    for name in FILES:
        data = (real_data / f"released/{name}.json").read_bytes()
        by_file[name] = [record.question for record in read_released(data, f"{name}.json", Exclusions())]
    assert {name: conflicts(questions) for name, questions in by_file.items()} == {
        "GRPO": 0, "GRPO-GDQA": 0, "GRPO-ASC-Learning": 1,
    }  # fmt: skip
    assert conflicts(q for questions in by_file.values() for q in questions) == 4


def test_all_med_r1_records_are_rebuilt(real_data):
    counts: Counter[int] = Counter()
    for name, size in (("train", 4570), ("test", 1110)):
        data = (real_data / f"omnimed_splits/micro_{name}.json").read_bytes()
        found = list(read_med_r1(data, name, Exclusions()))
        assert len(found) == size
        for raw, record in zip(json.loads(data), found, strict=True):
            options = ", ".join(f"{letter}){option}" for letter, option in zip("ABCD", record.options, strict=False))
            assert f"{record.stem} {options}" == raw["problem"]
            assert f"<answer> {record.letter} </answer>" == raw["solution"]
            assert record.image == raw["image"]
            assert record.answer in record.options and record.stem.strip() == record.stem
            counts[len(record.options)] += 1
    assert counts == {4: 5212, 2: 468}
