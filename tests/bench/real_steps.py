"""A step of every method in four processes, of the real architectures at reduced depth and width, on a CPU.

python -m tests.bench.real_steps OUT [--methods ID ...] [--kinds ddp fsdp2 zero3] [--work FOLDER]

`tox -e shapes` runs it and writes results/shapes. Real are: the classes of model and processor, the widths of a head,
windows and whole attention in the vision tower, deep features, the pixel limits and frames of 854 x 480, the profile
`paper` with its batch of a process in groups, gradient checkpointing, the frozen tower and the KL term. Reduced are
layers and widths (`SMALLER`), the vocabulary (the bench's), the batch (one group of two in each process) and the
completion (eight tokens). In float32, without vLLM; the reward is a hash of the text, so that groups differ.

Each kind is one start of four processes, which train the methods in turn: `ddp` all of them, `fsdp2` and `zero3`
(DeepSpeed) GRPO. All of it is done two times, in deterministic arithmetic (docs/determinism.md). Exits with 1 unless in
each training the language model moved, the vision tower did not, all completions are in the log, no process holds other
weights than the first, and the second time gives the same weights and the same log, to the bit.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROCESSES = 4
KINDS = ("ddp", "fsdp2", "zero3")
MODELS = {"qwen2.5-vl-3b": "Qwen2.5-VL-3B-Instruct", "qwen3-vl-4b": "Qwen3-VL-4B-Instruct"}
TASK = "sgg_anatomy_mini"
COMPLETION, GROUP = 8, 2
SMALLER = {
    "qwen2.5-vl-3b": {
        "text": {"hidden_size": 256, "intermediate_size": 1376, "num_attention_heads": 2, "num_key_value_heads": 1},
        "vision": {"hidden_size": 160, "intermediate_size": 428, "num_heads": 2, "fullatt_block_indexes": [1]},
        "layers": (2, 2),
    },
    "qwen3-vl-4b": {
        "text": {"hidden_size": 160, "intermediate_size": 608, "num_attention_heads": 2, "num_key_value_heads": 1},
        "vision": {"hidden_size": 128, "intermediate_size": 512, "num_heads": 2, "deepstack_visual_indexes": [0, 1]},
        "layers": (3, 2),
    },
}
"""Model -> sizes of the language model and of the tower, and their layers."""
TURNS = ("first", "again")
COLUMNS = ("kind", "model", "method", "loss", "gradient", "language", "tower", "completions", "longest prompt", "again")
COLUMNS += ("CPU s", "GB")
"""Of the report."""


def trained_methods():
    """Every method that starts from the base."""
    from baselines.methods.registry import CALIBRATION, METHODS

    return [one.id for one in METHODS if one.trained and one.start == "base" and one not in CALIBRATION]


def cases(kind, asked=()):
    """(model, method) in order."""
    if kind != "ddp":
        return [("qwen2.5-vl-3b", "grpo")]
    return [(model, one) for model in MODELS for one in trained_methods() if not asked or one in asked]


# Inputs


def write_inputs(root):
    """Frames, questions with rationales, and both models, as a grid has them."""
    import numpy as np
    from PIL import Image

    from anatomy_r1.data.prepared import write
    from baselines.bench.inputs import FRAME, questions

    rng, asked = np.random.default_rng(0), questions()[:16]
    asked = [dataclasses.replace(one, rationale=f"At the frame there is {one.answer} .") for one in asked]
    pictures = root / "pictures"
    pictures.mkdir(parents=True)
    for one in asked:
        coarse = rng.integers(0, 256, (FRAME[1] // 8, FRAME[0] // 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize(FRAME).save(pictures / one.image)
    write(root / "data" / TASK, {"train": asked}, pictures, {"benchmark": TASK, "generated": True, "seed": 0})
    for name in MODELS:
        write_model(name, root / "models" / name)


def processor_of(name, pixels):
    """The real classes and limits around the bench's tokenizer."""
    from baselines.bench.inputs import build_processor
    from tests.helpers.qwen3_vl import instruct_template

    limits = (pixels["min"], pixels["max"])
    made = build_processor(limits)
    if name != "qwen3-vl-4b":
        return made
    from transformers import Qwen3VLProcessor
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

    sides = {"patch_size": 16, "merge_size": 2, "temporal_patch_size": 2}
    grey = [0.5, 0.5, 0.5]
    image = type(made.image_processor)(
        **sides, min_pixels=limits[0], max_pixels=limits[1], image_mean=grey, image_std=grey
    )
    return Qwen3VLProcessor(image, made.tokenizer, Qwen3VLVideoProcessor(**sides), chat_template=instruct_template())


def write_model(name, folder):
    """The hub's configuration, smaller, with random weights."""
    import torch
    from transformers import AutoModelForImageTextToText

    from baselines.bench.inputs import model_config
    from baselines.experiment.profile import load_profile
    from baselines.preflight.memory import ARCHITECTURES

    processor = processor_of(name, load_profile("paper").models[name]["pixels"])
    tokenizer = processor.tokenizer
    config = model_config(json.loads((ARCHITECTURES / f"{MODELS[name]}.json").read_text()), tokenizer)
    text, vision, small = config.get_text_config(), config.vision_config, SMALLER[name]
    for part, sizes in ((text, small["text"]), (vision, small["vision"])):
        for key, value in sizes.items():
            setattr(part, key, value)
    text.num_hidden_layers, vision.depth = small["layers"]
    text.vocab_size, vision.out_hidden_size = len(tokenizer), text.hidden_size
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[: text.num_hidden_layers]
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_config(config)
    ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    model.generation_config.update(**ids, bos_token_id=tokenizer.pad_token_id)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


# One of the processes


def planned(root):
    """The profile `paper`, shorter."""
    from baselines.experiment.cell import GridRun, Layout
    from baselines.experiment.profile import load_profile

    profile = load_profile("paper")
    common = {**profile.training["common"], "use_cpu": True, "bf16": False, "save_strategy": "no"}
    short = {"max_steps": 1, "learning_rate": 1e-3, "per_device_train_batch_size": GROUP}
    rl = {**profile.training["rl"], **short, "own_steps": 1, "rollout_tokens": 0, "warmup_steps": 0}
    rl |= {"num_generations": GROUP, "max_completion_length": COMPLETION, "similarity": "mini", "parity_band": 0.0}
    rl |= {"use_vllm": False, "vllm_enable_sleep_mode": False, "parity_stop": 0.0}
    training = {"common": common, "rl": rl}
    training |= {name: {**profile.training[name], **short} for name in ("sft", "cot-sft")}
    models = {name: {**profile.models[name], "dtype": "float32"} for name in MODELS}
    data = {**profile.data, TASK: {"source": "sgg"}}
    return GridRun(dataclasses.replace(profile, training=training, models=models, data=data), Layout(root), "paper")


def hashed(completions, **_):
    """A number in [0, 1) that depends on the text."""
    from anatomy_r1.training.rewards import text_of

    return [hashlib.sha256(text_of(one).encode()).digest()[0] / 256 for one in completions]


hashed.__name__ = "accuracy_reward"


def one(root, kind, turn, asked):
    """This process of a start: every training of the kind, one after the other."""
    import torch

    import anatomy_r1.training.rewards as rewards
    from baselines.runtime.determinism import use_deterministic

    torch.set_num_threads(1)
    use_deterministic()
    rewards.accuracy_reward = hashed
    if kind != "ddp":
        from tests.helpers import one_sharded

        {"fsdp2": one_sharded.fsdp2_on_cpus, "zero3": one_sharded.zero3_on_cpus}[kind]()
    for model, method in cases(kind, asked):
        found = step(root, kind, turn, model, method)
        if int(os.environ["RANK"]) == 0:
            path = root / "found" / turn / f"{kind} {model} {method}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found))
            print(kind, model, method, found["cpu_seconds"], file=sys.stderr, flush=True)


def step(root, kind, turn, model, method):
    """One step as the grid trains it, and what is true of it."""
    from anatomy_r1.training.training_log import read
    from baselines.experiment.cell import Cell
    from baselines.runtime.progress import silent
    from baselines.stages.train import LOG_NAME, build, save_policy

    run, began = planned(root), time.process_time()
    if kind == "zero3":  # DeepSpeed shards while weights are loaded, and has no arguments of a CPU
        training = {**run.profile.training, "common": {**run.profile.training["common"], "use_cpu": False}}
        run = dataclasses.replace(run, profile=dataclasses.replace(run.profile, training=training))
    cell, work = Cell(TASK, model, method, 0), root / "work" / turn / kind / model / method
    trainer, log, _ = build(run, cell, work, silent)
    prompts, generate = [], getattr(trainer, "_generate", None)
    if generate:
        trainer._generate = lambda *given: noted(generate(*given), prompts)
    trainer.train()
    save_policy(trainer, work / "policy")
    found = {"kind": kind, "model": model, "method": method, "same_everywhere": agree(trainer)}
    if log is None:
        return found
    log.close(1)
    steps, rollouts = (read(work / LOG_NAME, name) for name in ("steps", "rollouts"))
    return {
        **found,
        "bits": bits(work / "policy", steps, rollouts),
        **moved(run.layout.base(model), work / "policy"),
        "loss": float(steps["loss"].iloc[0]),
        "grad_norm": float(steps["grad_norm"].iloc[0]),
        "completions": len(rollouts),
        "longest_prompt": max(prompts, default=0),
        "cpu_seconds": round(time.process_time() - began, 1),
        "resident_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def bits(policy, *tables):
    """16 hex digits of the trained weights and of the log, without what is measured."""
    from baselines.preflight.twice import MEASURED

    digest = hashlib.sha256()
    for path in sorted(policy.glob("*.safetensors")):
        digest.update(path.read_bytes())
    for table in tables:
        computed = [name for name in table.columns if not any(word in name for word in MEASURED)]
        digest.update(table[computed].to_csv(index=False).encode())
    return digest.hexdigest()[:16]


def noted(found, prompts):
    """TRL's `_generate` gives the prompts' tokens first."""
    prompts.extend(len(ids) for ids in found[0])
    return found


def agree(trainer):
    """Whether all processes hold the same weights, as far as they are whole."""
    import torch

    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        return True
    sums = torch.stack([weight.detach().double().sum() for weight in trainer.model.parameters()])
    every = trainer.accelerator.gather(sums[None])
    return bool((every == every[0]).all())


def moved(before, after):
    """Largest change of a weight in the language model, and in the vision tower."""
    from safetensors.torch import load_file

    one, other = ({k: v for path in folder.glob("*.safetensors") for k, v in load_file(path).items()} for folder in
                  (before, after))  # fmt: skip
    if "lm_head.weight" in other.keys() - one.keys():  # FSDP2's whole weights state a tied head as well
        embedded = next(value for name, value in other.items() if name.endswith("embed_tokens.weight"))
        assert other.pop("lm_head.weight").equal(embedded), "the head is not the embedding any more"
    assert one.keys() == other.keys(), sorted(one.keys() ^ other.keys())
    size = {name: float((one[name] - other[name].to(one[name].dtype)).abs().max()) for name in one}
    return {
        "language": max(value for name, value in size.items() if "visual" not in name),
        "tower": max(value for name, value in size.items() if "visual" in name),
    }


# All of them


def start(root, kind, turn, asked):
    """The four processes of one kind, to their end."""
    from tests.baselines.trainers.test_losses_distributed import ROOT, free_port
    from tests.baselines.trainers.test_sharded_training import stated

    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    shared = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    shared |= {"MASTER_ADDR": "127.0.0.1"}
    shared |= {"MASTER_PORT": free_port(), "WORLD_SIZE": str(PROCESSES), "LOCAL_WORLD_SIZE": str(PROCESSES)}
    shared |= {"ACCELERATE_USE_CPU": "true", "ACCELERATE_TORCH_DEVICE": "cpu"} if kind == "ddp" else stated(kind)
    command = [
        sys.executable,
        "-m",
        "tests.bench.real_steps",
        str(root),
        "--one",
        kind,
        "--turn",
        turn,
        "--methods",
        *asked,
    ]
    running = [
        subprocess.Popen(command, env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stdout=sys.stderr)
        for rank in range(PROCESSES)
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise SystemExit(f"{kind}: processes ended with {codes}")


def wrong(found):
    """What is not as it should be; empty if all is."""
    told = []
    if not found["language"] > 0:
        told.append("the language model did not move")
    if found["tower"]:
        told.append(f"the vision tower moved by {found['tower']:.1e}")
    if not found["same_everywhere"]:
        told.append("processes hold different weights")
    if found["bits"] != found["again"]:
        told.append("the second time gave other weights or another log")
    sampled = found["method"] not in ("sft", "cot-sft")
    if sampled and (found["completions"] % (PROCESSES * GROUP) or not found["completions"]):
        told.append(f"{found['completions']} completions in the log")
    return ", ".join(told)


def report(out, root, command):
    """JSON and Markdown of every training that was made."""
    from anatomy_r1.files import write_atomic
    from anatomy_r1.provenance import processor, provenance

    made = provenance()
    facts = {"command": command, "commit": made["commit"], "date": time.strftime("%Y-%m-%d", time.gmtime())}
    facts |= {"device": processor(), "packages": made["packages"], "processes": PROCESSES}
    order = {case: n for n, case in enumerate((kind, *case) for kind in KINDS for case in cases(kind))}
    first, again = (
        {p.name: json.loads(p.read_text()) for p in (root / "found" / turn).glob("*.json")} for turn in TURNS
    )
    read = [{**one, "again": again[name]["bits"]} for name, one in first.items()]
    steps = sorted(read, key=lambda one: order[one["kind"], one["model"], one["method"]])
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / "real_steps.json", json.dumps({**facts, "steps": steps}, indent=1, sort_keys=True) + "\n")
    lines = [
        "# A step of every method in four processes",
        "",
        "The real architectures at reduced depth and width, on a CPU, on frames of 854 x 480; what is reduced:",
        "tests/bench/real_steps.py. `language` and `tower`: the largest change of a weight there. `again`: whether a",
        "second training gave the same weights, rollouts and losses, to the bit.",
        "",
        f"- command: `{command}`",
        f"- commit: {facts['commit'][:12]}; date: {facts['date']}; device: {facts['device']}",
        *(f"- {name}: {made['packages'].get(name, 'none')}" for name in ("torch", "transformers", "trl", "accelerate")),
        "",
        f"| {' | '.join(COLUMNS)} |",
        "| :-- | :-- | :-- | --: | --: | --: | --: | --: | --: | :-- | --: | --: |",
    ]
    for one in steps:
        numbers = [f"{one['loss']:.4f}", f"{one['grad_norm']:.3g}", f"{one['language']:.1e}", f"{one['tower']:.0e}"]
        numbers += [str(one["completions"] or "-"), str(one["longest_prompt"] or "-")]
        numbers += ["the same" if one["bits"] == one["again"] else "other"]
        numbers += [str(one["cpu_seconds"]), str(one["resident_gb"])]
        lines.append(f"| {' | '.join([one['kind'], one['model'], one['method'], *numbers])} |")
    problems = [(one, told) for one in steps if (told := wrong(one))]
    lines += ["", *(f"**{one['kind']} {one['method']}: {told}**" for one, told in problems)]
    write_atomic(out / "real_steps.md", "\n".join(lines).rstrip() + "\n")
    return problems


def main(words):
    """Exit status 0 when every training is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--methods", nargs="*", default=[])
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--one", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--turn", choices=TURNS, help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.one:
        one(given.out, given.one, given.turn, given.methods)
        return 0
    with contextlib.ExitStack() as stack:
        root = given.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not (root / "models").exists():
            write_inputs(root)
        for kind in given.kinds:
            for turn in TURNS:
                start(root, kind, turn, given.methods)
        return int(bool(report(given.out, root, " ".join(["python -m tests.bench.real_steps", *words]))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
