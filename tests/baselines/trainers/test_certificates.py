"""Certificates of real trainings: a clean log passes, and each planted violation is seen by the check it breaks."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.data.prepared import load
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import file_sha256
from anatomy_r1.prompts import parse
from anatomy_r1.training.certificate.certificate import NAMES, as_text, from_dict, load_evidence
from anatomy_r1.training.certificate.certify import certify
from anatomy_r1.training.certificate.losses import recomputed_loss
from anatomy_r1.training.certificate.served import questions
from anatomy_r1.training.similarity import mini_similarity
from anatomy_r1.training.training_log import ACCURACY, BATCHES, LOG_NAME

pytestmark = pytest.mark.slow  # thirteen short trainings

SGG = "sgg_anatomy_mini"
FURTHER = ("dr-grpo", "gspo", "papo", "grpo-overlong")
METHODS = ("grpo", "gpg", "dapo", "grpo-asc", "grpo-asc-pool", "grpo-asc-released", "grpo-gdqa", "sft", "cot-sft")


@pytest.fixture
def evidence(recorded_run, trained):
    return lambda method: load_evidence(trained(method), load(recorded_run.layout.data(SGG), "train"))


def outcomes(evidence):
    return {check.name: check.outcome for check in certify(evidence).checks}


PLANTED = {"rewards"}
"""Fails in all of these trainings, whose rewards are planted: an untrained model is never right."""


def broken(evidence):
    """Names of the checks that fail, but for the planted one."""
    return {name for name, outcome in outcomes(evidence).items() if outcome == "failed"} - PLANTED


def changed(evidence, table="rollouts", **columns):
    """Evidence with other columns in one table; a value may be a function of the table."""
    frame = getattr(evidence, table).copy()
    for name, value in columns.items():
        frame[name] = value(frame) if callable(value) else value
    return dataclasses.replace(evidence, **{table: frame})


@pytest.mark.parametrize("method", [*METHODS, *FURTHER])
def test_a_clean_log_passes_every_check_that_its_method_has(method, evidence):
    found = outcomes(evidence(method))
    checked, planted = ({"budget", "data"}, set()) if "sft" in method else (set(NAMES) - PLANTED, PLANTED)
    assert {name for name, outcome in found.items() if outcome == "passed"} == checked
    assert {name for name, outcome in found.items() if outcome == "failed"} == planted


def test_the_loss_is_recomputed_on_batches_that_show_something(evidence):
    batches = evidence("grpo").batches
    assert [batch.step for batch in batches] == [1, 10]
    last = batches[-1]
    assert last.reference is not None
    assert np.abs(last.reference - last.policy)[last.mask > 0].max() > 1e-3  # the KL term is there
    by_hand = [
        sum(-a + 0.04 * (np.exp(r - p) - (r - p) - 1) for p, r in zip(policy, reference, strict=True)) / len(policy)
        for policy, reference, a in (
            (p[m > 0], r[m > 0], a)
            for p, r, m, a in zip(last.policy, last.reference, last.mask, last.advantages, strict=True)
        )
    ]  # on-policy: ratio 1
    assert recomputed_loss(last, evidence("grpo").arguments) == pytest.approx(np.mean(by_hand), abs=1e-12)


@pytest.mark.parametrize("method", ["grpo", "gpg", "dapo", *FURTHER])
def test_a_loss_off_by_a_thousandth(method, evidence):
    clean = evidence(method)
    last = clean.batches[-1]
    off = dataclasses.replace(clean, batches=(*clean.batches[:-1], dataclasses.replace(last, loss=last.loss + 1e-3)))
    assert broken(off) == {"loss"}
    assert f"step {last.step}" in next(check.detail for check in certify(off).failed)
    stated = changed(clean, "steps", loss=lambda steps: steps["loss"].where(steps["step"] != 10, steps["loss"] + 1e-3))
    assert broken(stated) == {"loss"}


def test_a_batch_of_other_completions(evidence):
    clean = evidence("grpo")
    mask = clean.batches[0].mask.copy()
    mask[0] = 0
    first = dataclasses.replace(clean.batches[0], mask=mask)
    assert broken(dataclasses.replace(clean, batches=(first, *clean.batches[1:]))) >= {"loss"}


@pytest.mark.parametrize("method", ["grpo", "gpg", "dapo", "grpo-gdqa"])
def test_an_advantage_of_the_wrong_sign(method, evidence):
    clean = evidence(method)
    place = int(np.flatnonzero(clean.rollouts["advantage"].abs() > 0.1)[-1])
    turned = clean.rollouts["advantage"].mul(np.where(np.arange(len(clean.rollouts)) == place, -1, 1))
    assert "advantages" in broken(changed(clean, advantage=turned))


def test_masked_images_that_papo_left_out(evidence):
    """Probabilities recorded as if the masked image were the image: the terms are then other terms."""
    clean = evidence("papo")
    assert all(np.abs(batch.masked - batch.policy)[batch.mask > 0].max() > 1e-3 for batch in clean.batches)
    unmasked = tuple(dataclasses.replace(batch, masked=batch.policy) for batch in clean.batches)
    assert broken(dataclasses.replace(clean, batches=unmasked)) == {"loss"}
    unrecorded = tuple(dataclasses.replace(batch, masked=None) for batch in clean.batches)
    assert outcomes(dataclasses.replace(clean, batches=unrecorded))["loss"] == "not checkable"


def test_a_deviation_that_dr_grpo_does_not_have(evidence):
    clean = evidence("dr-grpo")
    divided = clean.rollouts.groupby(["step", "group_index"])["advantage"].transform(lambda a: a / (a.std() + 1e-4))
    assert "advantages" in broken(changed(clean, advantage=divided))


def test_an_alpha_that_gpg_left_out(evidence):
    clean = evidence("gpg")
    assert clean.steps["alpha"].max() > 1
    alpha = clean.rollouts["step"].map(clean.steps.set_index("step")["alpha"])
    assert "advantages" in broken(changed(clean, advantage=clean.rollouts["advantage"] / alpha))


def test_a_reward_that_was_changed_afterwards(evidence):
    clean = evidence("grpo")
    live = clean.rollouts.index[clean.rollouts["advantage"] > 0.1][0]
    rewards = clean.rollouts["reward_format_reward"] + (clean.rollouts.index == live)
    assert "advantages" in broken(changed(clean, reward_format_reward=rewards))


def levelled(evidence):
    """A clean run of ASC whose level rises within its ten steps: the rule is eased until it does, then applied."""
    eased = {**evidence.arguments, "level_window": 2, "level_threshold": 0.3}
    return dataclasses.replace(evidence, plan={**evidence.plan, "arguments": eased})


def test_a_level_that_the_rule_does_not_give(evidence):
    clean = evidence("grpo-asc")
    assert clean.steps["level"].max() > 0  # hashed rewards are right about half of the time
    wrong = changed(changed(clean, "steps", level=0), level=0)
    assert broken(wrong) >= {"curriculum"}
    assert "curriculum" in broken(levelled(clean))  # served by another rule than is stated


def test_a_shuffled_curriculum(evidence):
    """Steps of ASC in another order, each still whole: the levels no longer follow from the rewards before."""
    clean = evidence("grpo-asc")
    other = {step: 11 - step for step in range(1, 11)}
    rollouts = clean.rollouts.assign(step=clean.rollouts["step"].map(other)).sort_values(["step", "group_index"])
    steps = clean.steps.assign(level=clean.steps["level"].to_numpy()[::-1])
    assert "curriculum" in broken(dataclasses.replace(clean, rollouts=rollouts, steps=steps))


def test_options_from_another_bin(evidence):
    clean = evidence("grpo-asc")
    known = clean.rollouts["prompt"].notna()
    served = clean.rollouts.loc[known, "prompt"].iloc[0]
    answer = load_answer(clean, 0)
    lines = served.split("\n")
    shown = [line[3:] for line in lines[-4:]]
    from anatomy_r1.mini.classes import ANATOMIES
    from anatomy_r1.training.similarity import difficulty, mini_similarity

    others = [name for name in ANATOMIES if name != answer]
    hardest = sorted(others, key=lambda name: mini_similarity().between(answer, name))[-3:]
    assert difficulty(mini_similarity(), answer, hardest) > difficulty(
        mini_similarity(), answer, [name for name in shown if name != answer]
    )
    harder = "\n".join([*lines[:-4], *(f"{a}. {b}" for a, b in zip("ABCD", [answer, *hardest], strict=True))])
    prompts = clean.rollouts["prompt"].mask(clean.rollouts["prompt"] == served, harder)
    assert broken(changed(clean, prompt=prompts)) == {"curriculum", "similarity"}


def load_answer(evidence, row):
    asked = {q.id: q for q in evidence.training_set.questions}
    return asked[evidence.rollouts["question_id"].iloc[row]].answer


def test_questions_that_are_not_ordered_by_difficulty(evidence):
    clean = evidence("grpo-asc-released")
    scores = clean.rollouts["similarity"].to_numpy()[::-1]
    assert scores[0] > scores[-1]
    assert "curriculum" in broken(changed(clean, similarity=scores))


def test_a_similarity_that_another_function_gave(evidence):
    clean = evidence("grpo")
    assert broken(changed(clean, similarity=clean.rollouts["similarity"] + 0.01)) == {"similarity"}


def test_one_fewer_step(evidence):
    for method in ("grpo", "sft"):
        clean = evidence(method)
        last = clean.steps["step"].max()
        frames = {name: getattr(clean, name) for name in ("steps", "rollouts", "served")}
        fewer = {name: frame[frame["step"] < last] for name, frame in frames.items()}
        batches = tuple(batch for batch in clean.batches if batch.step < last)
        assert "budget" in broken(dataclasses.replace(clean, **fewer, batches=batches))


def test_fewer_completions_and_other_tokens_than_claimed(evidence):
    clean = evidence("grpo")
    assert "budget" in broken(dataclasses.replace(clean, rollouts=clean.rollouts[clean.rollouts["group_index"] == 0]))
    assert broken(dataclasses.replace(clean, spent={**clean.spent, "rollout_tokens": 1})) == {"budget"}
    tokens = clean.rollouts["tokens"].where(clean.rollouts["step"] != 3, 1)
    assert broken(changed(clean, tokens=tokens)) == {"budget"}


def test_a_group_kept_with_all_right(evidence):
    """Of a run of dynamic sampling in which every kept group had a signal at some step."""
    clean = evidence("dapo")
    groups = clean.rollouts.groupby(["step", "group_index"])
    right, kept = groups["reward_accuracy_reward"].sum(), groups["kept"].first() == 1
    draws = clean.rollouts.groupby("step")["draw"].max()
    place = next(p for p in right.index[kept] if 0 < right[p] < 8 and draws[p[0]] < 3)
    of = (clean.rollouts["step"] == place[0]) & (clean.rollouts["group_index"] == place[1])
    planted = changed(
        clean,
        reward_accuracy_reward=clean.rollouts["reward_accuracy_reward"].mask(of, 1.0),
        reward_format_reward=clean.rollouts["reward_format_reward"].mask(of, 0.0),
        advantage=clean.rollouts["advantage"].mask(of, 0.0),
    )
    assert "groups" in broken(planted)
    assert "kept without 0 < correct < G" in next(c.detail for c in certify(planted).failed if c.name == "groups")


def test_a_group_dropped_by_a_method_that_drops_none(evidence):
    clean = evidence("grpo")
    kept = clean.rollouts["kept"].mask((clean.rollouts["step"] == 2) & (clean.rollouts["group_index"] == 0), 0)
    assert {"groups", "budget"} <= broken(changed(clean, kept=kept))


def test_members_that_saw_the_same_where_they_should_not_and_the_other_way(evidence):
    gdqa, grpo = evidence("grpo-gdqa"), evidence("grpo")
    assert broken(changed(gdqa, image_hash="one picture for all")) == {"groups"}
    assert broken(changed(gdqa, prompt_hash="one wording for all")) == {"groups"}
    assert broken(changed(grpo, image_hash=lambda rows: rows["member"].astype(str))) == {"groups"}


def test_questions_of_another_set(evidence, recorded_run):
    for method in ("grpo", "sft", "cot-sft"):
        clean = evidence(method)
        other = dataclasses.replace(
            clean.training_set, questions=load(recorded_run.layout.data(SGG), "validation").questions
        )
        assert "data" in broken(dataclasses.replace(clean, training_set=other))


def test_examples_served_twice_or_with_a_wrong_answer(evidence):
    clean = evidence("sft")
    first = clean.served.iloc[0]
    assert broken(changed(clean, "served", prompt_hash=first["prompt_hash"], completion=first["completion"])) == {
        "data"
    }
    wrong = clean.served["completion"].mask(clean.served.index == 3, "<answer> H </answer>")
    assert broken(changed(clean, "served", completion=wrong)) == {"data"}


def test_what_cannot_be_checked_says_why_and_fails_nothing(evidence):
    bare = dataclasses.replace(evidence("grpo"), batches=(), training_set=None, similarity=None)
    found = {check.name: check for check in certify(bare).checks if check.outcome == "not checkable"}
    assert set(found) == {"loss", "rewards", "curriculum", "similarity", "data"}
    assert "before there were certificates" in found["loss"].detail
    assert "prepared set" in found["data"].detail
    old = dataclasses.replace(evidence("sft"), served=pd.DataFrame(columns=evidence("sft").served.columns))
    assert outcomes(old)["data"] == "not checkable"
    assert "1 checks passed, 8 not checkable" in as_text(certify(old))


def test_a_certificate_survives_json(evidence):
    found = certify(evidence("dapo"))
    assert from_dict(json.loads(json.dumps(found.as_dict()))) == found
    assert found.facts["steps"] == 10
    assert found.facts["completions"] == 16


def test_the_command_shows_each_check_and_exits_with_status_1_on_failure(trained, recorded_run, tmp_path, capsys):
    folder, data = trained("sft"), ["--data", str(recorded_run.layout.data(SGG))]
    assert main(["certify", str(folder / LOG_NAME), *data]) == 0
    assert "2 checks passed, 7 not checkable" in capsys.readouterr().out
    copy = shutil.copytree(folder, tmp_path / "copy")
    record = json.loads((copy / "training.json").read_text())
    record["spent"]["steps"] = 11
    (copy / "training.json").write_text(json.dumps(record))
    assert main(["certify", str(folder), str(copy), str(trained("grpo")), *data, "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said[str(copy)]["failed"] == ["budget"]
    assert said[str(folder)]["failed"] == []
    assert said[str(trained("grpo"))]["failed"] == ["rewards"]


def test_a_folder_without_a_readable_training_is_refused(tmp_path, trained):
    with pytest.raises(AnatomyR1Error, match="Fix: name the folder of a finished training"):
        load_evidence(tmp_path)
    copy = shutil.copytree(trained("grpo"), tmp_path / "copy")
    (copy / BATCHES / "000001.safetensors").write_bytes(b"no tensors")
    with pytest.raises(AnatomyR1Error, match=r"000001.safetensors: no recorded batch"):
        load_evidence(copy)


def answering(evidence):
    """Evidence whose stored completions say B, and whose rewards are theirs."""
    known, rows = questions(evidence), evidence.rollouts
    shown = [parse(prompt).options[1] if pd.notna(prompt) else None for prompt in rows["prompt"]]
    right = [float(text == known[of].answer) for text, of in zip(shown, rows["question_id"], strict=True)]
    honest = changed(evidence, completion="<think> x </think> <answer> B </answer>", choice="B")
    return changed(honest, **{ACCURACY: right}), right


def test_a_reward_that_is_not_that_of_the_completion_is_seen(evidence):
    clean, right = answering(evidence("grpo"))
    assert {0.0, 1.0} == set(right)
    assert outcomes(clean)["rewards"] == "passed"
    kept = clean.rollouts["prompt"].notna()
    one = clean.rollouts.index[kept][0]
    wrong = clean.rollouts[ACCURACY].where(clean.rollouts.index != one, 1 - clean.rollouts[ACCURACY])
    for other in (
        changed(clean, **{ACCURACY: wrong}),
        changed(clean, choice="A"),
        changed(clean, completion="B or C"),
        changed(clean, completion=None),
    ):
        assert outcomes(other)["rewards"] == "failed"
    nobody = dataclasses.replace(clean, training_set=None)
    assert outcomes(nobody)["rewards"] == "not checkable"


def test_a_certificate_of_before_says_that_rewards_were_not_checked(evidence):
    whole = certify(evidence("grpo")).as_dict()
    without = {**whole, "checks": [check for check in whole["checks"] if check["name"] != "rewards"]}
    older = {check.name: check.outcome for check in from_dict(without).checks}
    assert older == {**outcomes(evidence("grpo")), "rewards": "not checkable"}


def test_similarities_made_anew_since_the_training_certify_nothing(tmp_path, trained):
    copy = shutil.copytree(trained("grpo-asc"), tmp_path / "copy")
    file, record = tmp_path / "similarity.json", json.loads((copy / "training.json").read_text())
    found = mini_similarity()
    file.write_text(json.dumps({"encoder": "one", "names": list(found.names), "matrix": found.matrix}))
    record["plan"]["arguments"]["similarity"] = str(file)
    record["plan"]["similarity_sha256"] = file_sha256(file)
    (copy / "training.json").write_text(json.dumps(record))
    assert load_evidence(copy).similarity == dataclasses.replace(found, encoder="one")
    file.write_text(file.read_text().replace('"one"', '"another"'))
    assert load_evidence(copy).similarity is None
