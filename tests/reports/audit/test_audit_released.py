"""Faults planted in clean released files, one at a time: each is found by its check, and by no other unless it must."""

import random
import re
from types import SimpleNamespace

import pytest

from reports.audit.audit import released_checks
from reports.audit.released import ASC, GDQA, NAMES, Released, load
from reports.audit.released_chance import check_distractors, detectable_effect, ordered, uniform
from reports.audit.report import Finding, findings

pytestmark = pytest.mark.slow

GRPO = NAMES[0]


@pytest.fixture
def found(clean_released, write_released):
    """Finding by id, after `plant(files)` changed the clean files."""

    def run(plant) -> dict[str, Finding]:
        plant(clean_released)
        checks = released_checks(load(write_released(clean_released)))
        return {finding.id: finding for finding in findings(checks)}

    return run


def other_answer(entry):
    """The same question with another gold answer among its options."""
    letter = next(letter for letter in "ABCD" if letter != entry["solution"])
    answer = re.search(rf"^{letter}\. (.+)$", entry["instruction"], re.MULTILINE)[1]
    return {**entry, "solution": letter, "answer": answer}


def test_a_conflicting_gold_answer(found):
    result = found(lambda files: files[GDQA].append(other_answer(files[GDQA][5])))
    assert set(result) == {"released-gold.conflict", "released-gold.repeated"}
    assert "1 pairs of image and question, 1 within GRPO-GDQA.json" in result["released-gold.conflict"].figure


def test_a_conflict_across_files_is_none_within(found):
    def plant(files):
        files[GRPO] = [*files[GRPO][:5], other_answer(files[GRPO][5]), *files[GRPO][6:]]

    result = found(plant)
    assert set(result) == {"released-gold.conflict"}
    assert "none within a file" in result["released-gold.conflict"].figure


def test_a_question_twice(found):
    result = found(lambda files: files[GDQA].append(files[GDQA][0]))
    assert set(result) == {"released-gold.repeated"}
    assert result["released-gold.repeated"].figure == "1 in GRPO-GDQA.json."


def test_an_official_test_video(found):
    def plant(files):
        for name in NAMES:
            files[name] = [{**e, "images": e["images"].replace("VID04", "VID22")} for e in files[name]]

    result = found(plant)
    assert set(result) == {"released-overlap.official"}
    assert (
        "GRPO.json: 48 records from 1 of SSG-VQA's official test videos" in result["released-overlap.official"].figure
    )


def test_other_questions_in_one_file(found):
    def plant(files):
        files[GRPO] = [{**e, "images": e["images"].replace("/VID04/", "/VID14/")} for e in files[GRPO]]

    result = found(plant)
    assert set(result) == {"released-overlap.questions"}
    assert "GRPO.json and GRPO-ASC-Learning.json: 432 shared frames, 432" in result["released-overlap.questions"].figure


def test_another_key_and_a_blank_before_a_path(found):
    def plant(files):
        files[GRPO] = [{**e, "images": " " + e["images"]} for e in files[GRPO]]

    assert set(found(plant)) == {"released-keys.forms"}


def test_a_record_that_contradicts_itself(found):
    def plant(files):
        files[GDQA][9] = {**files[GDQA][9], "answer": "Spleen"}

    result = found(plant)
    assert "released-keys.unsound" in result
    assert "GRPO-GDQA.json:10" in result["released-keys.unsound"].figure


def test_another_prompt_in_one_file(found):
    def plant(files):
        for entry in files[GRPO]:
            for key in ("instruction", "sft_prompt"):
                entry[key] = reworded(entry[key])

    from anatomy_r1.prompts import parse, render_text

    def reworded(text):
        asked = parse(text.removeprefix("<image>"))
        return "<image>" * text.startswith("<image>") + render_text(asked.stem, asked.options, asked.style, "answer")

    def separate(files):
        files[GRPO] = [dict(entry) for entry in files[GRPO]]
        plant(files)

    result = found(separate)
    assert set(result) == {"released-prompts.differ"}
    assert "GRPO.json: answer 480" in result["released-prompts.differ"].figure


def test_distractors_drawn_evenly_and_order_shuffled(found):
    def plant(files):
        rng = random.Random(3)
        names = sorted({e["answer"] for e in files[ASC]})
        drawn = []
        for e in files[ASC]:
            options = [e["answer"], *rng.sample([n for n in names if n != e["answer"]], 3)]
            rng.shuffle(options)
            lines = "\n".join(f"{letter}. {name}" for letter, name in zip("ABCD", options, strict=True))
            texts = {k: e[k][: e[k].index("\nA. ")] + "\n" + lines for k in ("instruction", "sft_prompt")}
            drawn.append({**e, **texts, "solution": "ABCD"[options.index(e["answer"])]})
        files[ASC] = drawn

    assert set(found(plant)) == {"released-distractors.uniform", "released-order.unordered"}


def test_a_shuffled_curriculum_alone(found):
    def plant(files):
        files[ASC] = random.Random(0).sample(files[ASC], len(files[ASC]))

    assert set(found(plant)) == {"released-order.unordered"}


def test_a_colour_that_fixes_the_answer(found):
    def plant(files):
        for name in NAMES:
            files[name] = [coloured(e) if e["answer"] == "Liver" else e for e in files[name]]

    def coloured(entry):
        texts = {k: re.sub(r"(What is the|There is a) ", r"\1 brown ", entry[k]) for k in ("instruction", "sft_prompt")}
        return {**entry, **texts}

    result = found(plant)
    assert set(result) == {"released-colour.fixed", "released-text.above-chance"}
    assert "brown is Liver in 240 of 240" in result["released-colour.fixed"].figure


def test_a_file_without_augmentation(found):
    result = found(lambda files: files.update({GDQA: files[GRPO]}))
    assert set(result) == {"released-augmentation.absent"}


def test_another_surface_form_in_one_file(found):
    def plant(files):
        files[GRPO] = [there(e) if i // 6 % 3 == 0 else e for i, e in enumerate(files[GRPO])]

    def there(entry):
        texts = {
            k: re.sub(r"What is the (\S+) anatomy\?", r"There is a \1 anatomy, what is its name?", entry[k])
            for k in ("instruction", "sft_prompt")
        }
        return {**entry, **texts}

    result = found(plant)
    assert set(result) == {"released-templates.differ"}
    assert result["released-templates.differ"].strength == "strong"


def test_the_right_option_always_first(found):
    def plant(files):
        files[GRPO] = [first(e) for e in files[GRPO]]

    def first(entry):
        texts = {}
        for key in ("instruction", "sft_prompt"):
            head, _, tail = entry[key].partition("\nA. ")
            options = ("A. " + tail).splitlines()
            names = [entry["answer"], *(line[3:] for line in options if line[3:] != entry["answer"])]
            texts[key] = head + "".join(f"\n{a}. {name}" for a, name in zip("ABCD", names, strict=True))
        return {**entry, **texts, "solution": "A"}

    # Where the words say nothing, the control takes the option shown first, and so profits as well.
    assert set(found(plant)) == {"released-distractors.letter-GRPO", "released-text.above-chance"}


def test_a_skew_counts_as_strong_by_its_p_times_the_number_of_files():
    def file(name, *counts):
        letters = "".join(letter * count for letter, count in zip("ABCD", counts, strict=True))
        asked = (SimpleNamespace(options=tuple("abcd"), letter=letter, answer=letter.lower()) for letter in letters)
        return Released(name, (), tuple(SimpleNamespace(question=question) for question in asked), ())

    skewed = file(GRPO, 135, 95, 85, 85)  # chi-square 17.0 with three degrees of freedom: p = 0.0007
    even = [file(name, 100, 100, 100, 100) for name in NAMES[1:]]
    for files, strength in (([skewed], "strong"), ([skewed, *even], "suggestive")):
        [finding] = check_distractors(files).findings
        assert finding.strength == strength


def test_uniformity_has_its_level():
    """Over seeds, evenly drawn distractors give p below 0.05 about one time in twenty, and so do shuffled orders."""
    names, below = "abcdef", [0, 0]
    for seed in range(200):
        rng = random.Random(seed)
        asked = []
        for _ in range(300):
            options = rng.sample(names, 4)
            asked.append(SimpleNamespace(options=tuple(options), answer=options[0]))
        below[0] += uniform(asked).p < 0.05
        below[1] += ordered(asked).p < 0.05
    assert all(2 <= count <= 22 for count in below), below


def test_detectable_effect_is_found_four_times_in_five():
    import numpy as np
    from scipy.stats import chi2

    w, freedom, n = detectable_effect(1000, 9), 9, 1000
    shares = 0.1 * np.array([1 + w, 1 - w] * 5)  # an effect of w by its definition
    counts = np.random.default_rng(0).multinomial(n, shares, size=4000)
    statistics = ((counts - n / 10) ** 2 / (n / 10)).sum(axis=1)
    assert (statistics > chi2.ppf(0.95, freedom)).mean() == pytest.approx(0.8, abs=0.02)
