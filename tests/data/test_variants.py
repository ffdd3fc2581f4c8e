"""Variants: names, prepared sets, and the real records of Med-R1 and of the authors, balanced."""

import hashlib
import json
from collections import Counter
from dataclasses import replace

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.data import prepared
from anatomy_r1.data.balance import VERSION, balance
from anatomy_r1.data.inputs import DataError
from anatomy_r1.data.leakage.sides import read_questions
from anatomy_r1.data.variants import (
    VARIANTS,
    balanced_sides,
    confounded,
    omnimed_rules,
    original_name,
    variant_name,
)
from anatomy_r1.evaluation.blind_ceiling import blind_ceiling
from anatomy_r1.mini.world import WorldSpec, write_world
from anatomy_r1.question import Question

ORIGINALS = ("sgg_anatomy", "omnimed_mi", "sgg_anatomy_mini", "omnimed_mi_mini")
OMNIMED = ("--test-fraction", "0.4", "--validation-fraction", "0.2", "--seed", "1")


@pytest.mark.parametrize("original", ORIGINALS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_s_name_leads_back_to_the_original(original, variant):
    name = variant_name(original, variant)
    assert name != original
    assert name.endswith("_mini") == original.endswith("_mini")
    assert original_name(name) == original


@pytest.mark.parametrize("original", ORIGINALS)
def test_without_a_variant_a_name_stays(original):
    assert variant_name(original, None) == original_name(original) == original


def test_names_by_hand():
    assert variant_name("omnimed_mi_mini", "balanced") == "omnimed_mi_balanced_mini"
    assert variant_name("sgg_anatomy", "balanced") == "sgg_anatomy_balanced"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world") / "world"
    spec = WorldSpec(train_videos=2, validation_videos=1, test_videos=3, frames_per_video=12, slides=300)
    write_world(root, spec, progress=False)
    return root


def prepare(world, out, source, *options):
    """The splits of a set that the command prepares."""
    assert main(["data", "prepare", source, "--root", str(world), "--out", str(out), *options]) == 0
    return prepared.all_splits(out)


@pytest.mark.slow
def test_omnimed_s_balanced_set_is_part_of_the_original_with_other_options(world, tmp_path, capsys):
    original = prepare(world, tmp_path / "original", "omnimed", *OMNIMED)
    found = prepare(world, tmp_path / "balanced", "omnimed", "--variant", "balanced", *OMNIMED)
    assert "left out" in capsys.readouterr().out
    manifest = prepared.load_manifest(tmp_path / "balanced")
    for split, questions in found.items():
        before = {question.id: question for question in original[split]}
        assert 0 < len(questions) < len(before)
        stems = [before[question.id].stem for question in questions]
        reworded = sum(question.stem != stem for question, stem in zip(questions, stems, strict=True))
        same = [
            replace(one, stem=stem, options=before[one.id].options, benchmark=before[one.id].benchmark)
            for one, stem in zip(questions, stems, strict=True)
        ]
        assert same == [before[question.id] for question in questions]
        assert reworded <= manifest["variant"]["splits"][split]["kept"]["most frequent wording of its kind"]
        assert {question.benchmark for question in questions} == {"omnimed_mi_balanced_mini"}
        account = manifest["variant"]["splits"][split]
        dropped = sum(sum(reasons.values()) for reasons in account["dropped"].values())
        assert sum(account["kept"].values()) == len(questions) == len(before) - dropped
    assert manifest["benchmark"] == "omnimed_mi_balanced_mini"
    assert manifest["variant"]["version"] == 1


@pytest.mark.slow
def test_the_same_source_gives_the_same_bytes(world, tmp_path):
    hashes = set()
    for name in ("one", "two"):
        prepare(world, tmp_path / name, "omnimed", "--variant", "balanced", *OMNIMED)
        hashes.add(prepared.load_manifest(tmp_path / name)["questions_sha256"])
    assert len(hashes) == 1


@pytest.mark.slow
def test_sgg_s_balanced_set_shows_nothing_that_the_scene_graph_says_is_right_too(world, tmp_path):
    sizes = ("--train", "60", "--validation", "0", "--test", "400", "--split", "file")
    found = prepare(world, tmp_path / "balanced", "sgg", "--variant", "balanced", *sizes)
    manifest = prepared.load_manifest(tmp_path / "balanced")
    assert len(found["test"]) >= 40
    assert Counter(question.letter for question in found["test"]) == dict.fromkeys("ABCD", len(found["test"]) // 4)
    also = manifest.get("also_right", {})
    assert set(also) <= {question.id for questions in found.values() for question in questions}
    assert not any(set(also.get(q.id, ())) & set(q.options) for questions in found.values() for q in questions)


@pytest.mark.slow
def test_confounded_distractors_are_never_right(world, tmp_path):
    original = prepare(world, tmp_path / "original", "omnimed", *OMNIMED)
    found = prepare(world, tmp_path / "confounded", "omnimed", "--variant", "confounded", *OMNIMED)
    assert {split: [q.id for q in of] for split, of in found.items()} == {
        split: [q.id for q in of] for split, of in original.items()
    }
    right = {question.answer for questions in found.values() for question in questions}
    assert all(set(q.options) & right == {q.answer} for questions in found.values() for q in questions)
    assert set(Counter(question.letter for question in found["test"])) == set("ABCD")


def test_confounded_is_for_generated_data_alone(omnimed, tmp_path):
    root = omnimed()
    code = main(
        ["data", "prepare", "omnimed", "--root", str(root), "--out", str(tmp_path / "out"), "--variant", "confounded"]
    )
    assert code != 0
    assert not (tmp_path / "out").exists()


def test_confounded_needs_texts_that_are_never_right():
    names = ("Gut", "Liver", "Duct", "Bile")
    every = [
        Question(str(i), "omnimed_mi_mini", "What ?", names, name, f"{i}.png", "c", str(i))
        for i, name in enumerate(names)
    ]
    with pytest.raises(DataError, match="0 option texts are never right; 3 are needed"):
        confounded({"train": every}, 0)


def files(real_data, *names):
    return read_questions([real_data / name for name in names])


@pytest.mark.slow
def test_omnimed_s_real_records_balanced_say_nothing(real_data):
    """Med-R1's split: 156 of 1,023 test questions can be balanced, and every rule is at chance on them."""
    train, test = (files(real_data, f"omnimed_splits/micro_{name}.json") for name in ("train", "test"))
    found, exclusions = balanced_sides(train, test)
    assert (len(found["train"]), len(found["test"])) == (740, 156)
    assert exclusions.excluded["test: cannot be balanced, fewer than four answers to its stem"] == 750
    ceiling = blind_ceiling(found["train"], found["test"])
    assert {round(score.accuracy.mean, 6) for score in ceiling.scores.values()} == {0.25}
    for side in found.values():  # the guarantee: a stem and a set of options have each of their answers equally often
        texts = {(one.stem, frozenset(one.options)): Counter[str]() for one in side}
        for one in side:
            texts[one.stem, frozenset(one.options)][one.answer] += 1
        assert all(len(of) == 4 and len(set(of.values())) == 1 for of in texts.values())


def test_another_set_needs_another_version(real_data):
    """What the same records give is fixed; whoever changes it raises `balance.VERSION`, and everyone can tell."""
    found, _ = balanced_sides(*(files(real_data, f"omnimed_splits/micro_{name}.json") for name in ("train", "test")))
    listed = json.dumps([[one.id, one.stem, one.options] for side in ("train", "test") for one in found[side]])
    assert VERSION == 1
    assert hashlib.sha256(listed.encode()).hexdigest().startswith("382efd0ab4ffb13b")


def test_what_overlaps_is_never_shown_together_in_omnimed(real_data):
    """ "Cancer cells" and a lymphoma are both right for one image, as are "Microscopy" and everything."""
    train = files(real_data, "omnimed_splits/micro_train.json")
    pairs = omnimed_rules(train)["never_together"]
    assert {frozenset(("cancer cells", "mantle cell lymphoma")), frozenset(("eosinophils", "microscopy"))} <= pairs
    found = balance(train, 0, **omnimed_rules(train)).questions
    shown = [{option.casefold().strip(". ") for option in question.options} for question in found]
    assert not any(pair <= options for pair in pairs for options in shown)
    blocks: dict[frozenset[str], set[str]] = {}
    for question in found:
        blocks.setdefault(frozenset(question.options), set()).add(question.family)
    assert len({family for of in blocks.values() for family in of}) > 1
    assert all(len(of) == 1 for of in blocks.values()), "options of one data set"
    assert not any("Mixed cells" in option for question in found for option in question.options)


@pytest.mark.slow
def test_the_authors_real_records_balanced_say_nothing(real_data):
    train = files(real_data, "released/GRPO.json", "released/GRPO-GDQA.json")
    found, _ = balanced_sides(train, files(real_data, "released/GRPO-ASC-Learning.json"))
    assert (len(found["train"]), len(found["test"])) == (580, 348)
    ceiling = blind_ceiling(found["train"], found["test"])
    assert {round(score.accuracy.mean, 3) for score in ceiling.scores.values()} == {0.25}


@pytest.mark.slow
def test_the_command_balances_two_sides(real_data, capsys):
    folder = real_data / "omnimed_splits"
    sides = ["--train-file", str(folder / "micro_train.json"), "--test-file", str(folder / "micro_test.json")]
    assert main(["data", "controls", *sides, "--variant", "balanced", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["counts"]["test_questions"] == 156
    assert "test: 156 of 1,110 questions balanced" in shown.err


def test_sides_that_cannot_be_balanced_are_refused_with_what_was_dropped(tmp_path, capsys):
    names = ["Gut", "Liver", "Duct", "Bile"]
    records = [{"question": "What ?", "options": names, "answer": names[i % 2], "image": f"{i}.png"} for i in range(8)]
    (tmp_path / "two.json").write_text(json.dumps(records))
    sides = ["--train-file", str(tmp_path / "two.json"), "--test-file", str(tmp_path / "two.json")]
    assert main(["data", "controls", *sides, "--variant", "balanced"]) != 0
    shown = capsys.readouterr().err
    assert "train and test: no question can be balanced (8 x test: cannot be balanced, fewer than four" in shown
    assert "Fix: take more questions" in shown


def test_the_command_balances_no_prepared_set(tmp_path, capsys):
    assert main(["data", "controls", "--data", str(tmp_path), "--variant", "balanced"]) != 0
    assert "data prepare --variant balanced" in capsys.readouterr().err
