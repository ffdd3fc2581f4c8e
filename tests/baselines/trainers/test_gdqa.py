"""GDQA: every member its own pair, in what is sampled and in what is learned from; without augmentation it is GRPO."""

import pytest
import torch

import baselines.methods.registry
from anatomy_r1.data.prepared import load
from anatomy_r1.prompts import parse
from anatomy_r1.training.training_log import read
from baselines.experiment.cell import Cell
from baselines.methods.gdqa import GDQA, GDQA_NO_IMAGE, GDQA_NO_TEXT
from baselines.stages.train import LOG_NAME, train
from baselines.trainers.records import image_hash
from tests.helpers.recording import GROUP, log_probabilities, spy_on_samples, trainer_for
from tests.helpers.small_runs import ignore

QUESTIONS = 3


def shown(run, method, folder, benchmark="sgg_anatomy_mini"):
    """(stems, images) of each group, as its members see them."""
    trainer, _ = trainer_for(run, method, folder, benchmark, precise=False)
    rows = trainer.vary(trainer.grouped([trainer.train_dataset[i] for i in range(QUESTIONS)]))
    stems = [parse(row["prompt"][-1]["content"]).stem for row in rows]
    images = [image_hash(row["image"]) for row in rows]
    split = range(0, len(rows), GROUP)
    return trainer, [(stems[i : i + GROUP], images[i : i + GROUP]) for i in split]


@pytest.mark.parametrize("task", ["sgg_anatomy_mini", "omnimed_mi_mini"])
def test_no_two_members_share_a_pair_and_the_first_keeps_the_original(task, smoke_run, tmp_path):
    trainer, groups = shown(smoke_run, "grpo-gdqa", tmp_path / "work", task)
    questions = load(smoke_run.layout.data(task), "train").questions
    for (stems, images), question, row in zip(groups, questions, trainer.train_dataset, strict=False):
        assert len(set(zip(stems, images, strict=True))) == GROUP
        assert len(set(images)) == GROUP
        assert len(set(stems)) >= 4
        assert (stems[0], images[0]) == (question.stem, image_hash(row["image"]))


def test_the_ablations_differ_from_it_in_exactly_one_thing(smoke_run, tmp_path):
    _, both = shown(smoke_run, "grpo-gdqa", tmp_path / "both")
    _, no_text = shown(smoke_run, "grpo-gdqa-no-text", tmp_path / "no_text")
    _, no_image = shown(smoke_run, "grpo-gdqa-no-image", tmp_path / "no_image")
    for (stems, images), (same_stems, noised), (reworded, same_images) in zip(both, no_text, no_image, strict=True):
        assert noised == images
        assert reworded == stems
        assert len(set(same_stems)) == len(set(same_images)) == 1
    differing = [{k for k in GDQA.knobs if GDQA.knobs[k] != other.knobs[k]} for other in (GDQA_NO_TEXT, GDQA_NO_IMAGE)]
    assert differing == [{"augment_text"}, {"augment_image"}]


def test_all_wordings_are_words_to_the_policy(smoke_run, tmp_path):
    trainer, groups = shown(smoke_run, "grpo-gdqa", tmp_path / "work")
    tokenizer = trainer.processing_class.tokenizer
    assert tokenizer.unk_token_id in tokenizer("zebra")["input_ids"]
    for stems, _ in groups:
        assert all(tokenizer.unk_token_id not in tokenizer(stem)["input_ids"] for stem in stems)


@pytest.mark.slow
def test_each_members_log_probabilities_equal_a_batch_of_one(smoke_run, tmp_path):
    trainer, _ = trainer_for(smoke_run, "grpo-gdqa", tmp_path / "work")
    seen = spy_on_samples(trainer)
    rows = trainer.vary(trainer.grouped([trainer.train_dataset[i] for i in range(QUESTIONS)]))
    batch = trainer.draw(rows).batch
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    keys = ("pixel_values", "image_grid_thw", "num_images", "mm_token_type_ids")
    with torch.no_grad():
        together, _, _ = trainer._get_per_token_logps_and_entropies(
            trainer.model, ids, mask, batch["completion_ids"].size(1), **{key: batch[key] for key in keys}
        )
        for i, (row, completion) in enumerate(zip(rows, seen[0][1], strict=True)):
            alone = log_probabilities(trainer, trainer.model, row, completion)
            assert torch.allclose(together[i, : len(completion)].double(), alone, rtol=1e-6, atol=1e-6)
    assert len({int(m.sum()) for m in batch["prompt_mask"]}) > 1


def test_a_group_is_seen_again_after_a_resume_and_otherwise_later(smoke_run, tmp_path):
    _, first = shown(smoke_run, "grpo-gdqa", tmp_path / "a")
    trainer, again = shown(smoke_run, "grpo-gdqa", tmp_path / "b")
    assert first == again
    trainer.state.global_step = 1
    rows = trainer.vary(trainer.grouped([trainer.train_dataset[0]]))
    assert [image_hash(row["image"]) for row in rows][1:] != first[0][1][1:]


@pytest.mark.slow
def test_with_augmentation_off_it_is_grpo_bit_for_bit(smoke_run, monkeypatch):
    off = GDQA.but("gdqa-off", "off", knobs={"augment_text": False, "augment_image": False})
    monkeypatch.setattr(baselines.methods.registry, "METHODS", (*baselines.methods.registry.METHODS, off))
    out = {m: train(smoke_run, Cell("sgg_anatomy_mini", "mini-l", m, 0), ignore) for m in ("grpo", "gdqa-off")}
    weights = {m: (path / "model.safetensors").read_bytes() for m, path in out.items()}
    assert weights["grpo"] == weights["gdqa-off"]
    logs = {m: read(path / LOG_NAME, "rollouts") for m, path in out.items()}
    assert logs["grpo"].equals(logs["gdqa-off"])


@pytest.mark.slow
def test_the_log_has_each_members_own_prompt_and_image(smoke_run):
    out = train(smoke_run, Cell("sgg_anatomy_mini", "mini-l", "grpo-gdqa", 0), ignore)
    groups = read(out / LOG_NAME, "rollouts").groupby(["step", "group_index"])
    assert (groups["image_hash"].nunique() == GROUP).all()
    assert (groups["prompt_hash"].nunique() >= 4).all()


def test_vllms_server_mode_is_refused(tmp_path):
    from baselines.trainers import RLConfig

    common = {"output_dir": str(tmp_path), "use_cpu": True, "bf16": False, "use_vllm": True}
    RLConfig(**common, augment_text=True, vllm_mode="colocate")
    with pytest.raises(ValueError, match="server mode"):
        RLConfig(**common, augment_text=True, vllm_mode="server")
