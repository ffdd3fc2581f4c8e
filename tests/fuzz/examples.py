"""One valid example of each file that a command reads: small, made up, nothing in it was measured."""

import json
import shutil
from pathlib import Path

import numpy as np

from tests.helpers.small_set import questions, write_set
from tests.helpers.smoke import SMOKE_TEXT

TASK = "sgg_anatomy_mini"
REWARDS = ((1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 0.0))
STEPS = 3


def world(folder: Path) -> Path:
    """Both benchmarks in their on-disk formats, and a file in the released format."""
    from anatomy_r1.mini.released_twin import twin
    from anatomy_r1.mini.world import WorldSpec, write_world

    counts = {"train_videos": 4, "validation_videos": 1, "test_videos": 2, "frames_per_video": 6, "slides": 24}
    write_world(folder / "world", WorldSpec(**counts), progress=False)
    for name, records in twin(folder / "world", 12).items():
        (folder / f"{name}.json").write_text(json.dumps(records, indent=1), encoding="utf-8")
    return folder / "world"


def med_r1(folder: Path) -> Path:
    """Two files in the form of Med-R1's splits."""
    problem = "What is this ? A)Liver, B)Gut, C)Omentum, D)Gallbladder"
    for split, count in (("train", 6), ("test", 4)):
        records = [
            {
                "image": f"Images/BreakHis/{split}{n}.png", "problem": problem,
                "solution": f"<answer> {'ABCD'[n % 4]} </answer>",
            }
            for n in range(count)
        ]  # fmt: skip
        (folder / f"micro_{split}.json").write_text(json.dumps(records, indent=1))
    return folder / "micro_train.json"


def prepared(folder: Path) -> Path:
    """A prepared set of eight questions, with one hashed input."""
    from anatomy_r1.data.inputs import file_sha256
    from anatomy_r1.data.prepared import write

    write_set(folder, 8)
    source = folder / "source" / "questions.txt"
    source.parent.mkdir()
    source.write_text("eight questions\n")
    stated = {
        "benchmark": TASK, "generated": True, "seed": 0, "sources": {"text": "../source"}, "excluded": {},
        "skipped": [], "split_rule": "by hand",
    }  # fmt: skip
    sets = {"train": [], "validation": [], "test": questions(8)}
    write(folder / TASK, sets, folder / "images", stated, {"text/questions.txt": file_sha256(source)})
    return folder / TASK


def log(folder: Path) -> Path:
    """A complete response log on the prepared set, by an engine without a model."""
    from unittest.mock import patch

    from anatomy_r1.evaluation.engines import transformers_engine
    from anatomy_r1.evaluation.evaluate import evaluate
    from tests.helpers.deterministic import HashEngine, weights_folder

    with (
        patch.object(transformers_engine, "TransformersEngine", HashEngine),
        patch("lm_eval.evaluator.add_env_info", lambda storage: None),
    ):
        evaluate(TASK, folder, weights_folder(folder / "weights"), folder / "log.sqlite", progress=False)
    return folder / "log.sqlite"


def stock(folder: Path) -> Path:
    """The output of a stock lm-eval run, with its names made short."""
    from unittest.mock import patch

    from tests.results.submission.conftest import stock_run

    with patch("lm_eval.evaluator.add_env_info", lambda storage: None):
        out = stock_run(folder, folder / "stock")
    inner = next(out.rglob("results_*.json")).parent
    return inner


def store(folder: Path) -> Path:
    """Three results of two methods, in a result store."""
    from anatomy_r1.results.store import save_result
    from tests.helpers.worlds import answers, result, table, unequal

    rng = np.random.default_rng(0)
    labels = unequal(rng, 6, 40)
    for method, seed in (("zero-shot", 0), ("grpo", 0), ("grpo", 1)):
        made = result(method, table(answers(rng, labels), labels), seed=seed)
        save_result(folder / "store", made)
    return folder / "store"


def family(folder: Path) -> Path:
    path = folder / "family.yaml"
    path.write_text(
        "name: one comparison\ndeclared: 2026-11-24\nmetric: avg@5\nlevel: 0.05\nsmallest_difference: 5\n"
        f"comparisons:\n  - [{TASK}/mini-l/zero-shot/matched, {TASK}/mini-l/grpo/matched]\n"
    )
    return path


def similarity(folder: Path) -> Path:
    path = folder / "similarity.json"
    matrix = [[1.0, 0.2, 0.3], [0.2, 1.0, 0.4], [0.3, 0.4, 1.0]]
    content = {"encoder": "e", "identity": {"weights": "0"}, "wording": "{}", "names": ["Gut", "Liver", "Omentum"]}
    path.write_text(json.dumps({**content, "matrix": matrix}, indent=1))
    return path


def training(folder: Path) -> Path:
    """A finished GRPO training of three steps, which its certificate finds nothing wrong with."""
    from anatomy_r1.training.training_log import (
        BATCHES,
        LOG_NAME,
        SETTINGS_NAME,
        RecordedBatch,
        Rollout,
        Step,
        TrainingLog,
        write_batch,
    )

    place = folder / "train" / TASK / "mini-l" / "grpo" / "seed0"
    place.mkdir(parents=True)
    opened = TrainingLog(place / LOG_NAME)
    for step in range(1, STEPS + 1):
        opened.add_rollouts([_rollout(Rollout, step, group, member) for group in range(2) for member in range(4)])
        opened.add_step(Step(step=step, loss=0.0, level=0, seconds=0.5, rollout_tokens=24 * step))
    opened.close(STEPS)
    arguments = {
        "num_generations": 4, "max_steps": STEPS, "per_device_train_batch_size": 8, "loss_type": "grpo", "beta": 0.0,
        "epsilon": 0.2, "gradient_accumulation_steps": 1,
    }  # fmt: skip
    plan = {"cell": f"{TASK}/mini-l/grpo/seed0", "arguments": arguments, "method": {}}
    spent = {"steps": STEPS, "rollout_tokens": 24 * STEPS, "seconds": 2.0}
    (place / SETTINGS_NAME).write_text(json.dumps({"plan": plan, "spent": spent, "provenance": {"commit": "abc"}}))
    ones = np.ones((8, 3))
    (place / BATCHES).mkdir()
    advantages = np.array([_advantage(group, member) for group in range(2) for member in range(4)])
    batch = RecordedBatch(1, 0.0, 24.0, 1, 1, -ones, -ones, None, advantages, ones)
    write_batch(place / BATCHES, batch)
    return place


def _advantage(group, member):
    of_group = np.array(REWARDS[group])
    return float((of_group[member] - of_group.mean()) / (of_group.std(ddof=1) + 1e-4))


def _rollout(kind, step, group, member):
    rewards = json.dumps({"accuracy_reward": REWARDS[group][member], "format_reward": 0.0})
    text = "one" if step == 1 else None
    return kind(
        *(
            step,
            group,
            member,
            f"q{group}",
            "Gut",
            f"p{group}",
            f"i{group}",
            text,
            text,
            "A",
            rewards,
            _advantage(group, member),
            3,
        ),
        finish_reason="stop",
    )


def curves(folder: Path) -> Path:
    """Curves of one training."""
    from anatomy_r1.training.curves import curves_from_log, save_curves
    from anatomy_r1.training.training_log import LOG_NAME, SETTINGS_NAME

    place = folder / "train" / TASK / "mini-l" / "grpo" / "seed0"
    record = json.loads((place / SETTINGS_NAME).read_text())
    return save_curves(folder / "curves", curves_from_log(place / LOG_NAME, record, "mini"))


def statements(folder: Path) -> Path:
    """What figures state, in the form of `figure_statements.csv`."""
    path = folder / "figure_statements.csv"
    shutil.copy(Path("results/mini/figures/figure_statements.csv"), path)
    return path


def audit(folder: Path) -> Path:
    path = folder / "audit.json"
    shutil.copy(Path("results/audit/audit.json"), path)
    return path


def profile(folder: Path) -> Path:
    path = folder / "small.yaml"
    path.write_text(SMOKE_TEXT.replace("name: smoke", "name: small"))
    return path


def method_file(folder: Path) -> Path:
    path = folder / "my_method.py"
    path.write_text(
        '"""A method."""\nfrom baselines.grpo import GRPO\n\n'
        'METHODS = (GRPO.but("grpo-free", "GRPO without KL term", paper="ours", knobs={"beta": 0.0, "top_k": 5}),)\n'
    )
    return path


def encoder(folder: Path) -> Path:
    """A folder in open_clip's format with a small BERT as text tower; its weights also serve as MedCLIP's."""
    import torch
    from safetensors.torch import save_file

    from tests.training.encoders.test_encoders import bert
    from tests.training.encoders.test_open_clip_forms import TRANSFORMERS, transformers_folder, write_config

    place = folder / "tower"
    transformers_folder(place, 24, "mlp", "mean_pooler")
    write_config(place, 24, {**TRANSFORMERS, "hf_proj_type": "mlp", "hf_pooler_type": "mean_pooler"})
    state = {f"text_model.model.{name}": value.contiguous().clone() for name, value in bert().state_dict().items()}
    save_file({**state, "text_model.projection_head.weight": torch.randn(16, 32)}, folder / "medclip.safetensors")
    return place
