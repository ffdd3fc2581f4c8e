"""A training step of each method with and without what a group shares, in processor seconds and memory.

python -m tests.bench.shared_step mini [STEPS [MODEL DATA]]    every method at the mini shape, in one process, in turn
python -m tests.bench.shared_step turns METHOD STEPS MODEL DATA  a method's ways step by step in turn: seconds only
python -m tests.bench.shared_step paper FOLDER [METHOD ...]      a step at the paper's lengths, in a process of its own
python -m tests.bench.shared_step saved                  what GRPO's loss keeps at these lengths, in two layers

One thread. Random weights, whose completions all have the full length: 24 tokens, or 190. With MODEL (the mini
profile's base) and DATA (a prepared set) they end by themselves.

`paper` is a Qwen2.5-VL of 305 million weights in float32: the 3B at half its width and a third of its layers, in both
towers, and a small vocabulary (on a CPU, TRL scores every position; with Qwen's 151,936 tokens that would be half of
the work, which it is not on a GPU). One group of eight, frames of 854 x 480 (510 tokens), gradient checkpointing, the
vision tower frozen; plain gradient descent, which has no state. Each case is a file in FOLDER; a case with a file is
not measured again, and the files are removed by hand. `saved` has no gradient checkpointing: a layer's activations are
then all there.

`usual` is TRL's path, `prefix` has `shared_prefix`, `both` has `shared_rollouts` too, `kept` also keeps inputs and
features. METHODS=grpo,gpg in the environment measures these alone at the mini shape.
"""

import contextlib
import dataclasses
import gc
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

METHODS = ("grpo", "gpg", "dapo", "grpo-asc", "grpo-gdqa", "grpo-gdqa-no-image")
WAYS = {
    "usual": {},
    "prefix": {"shared_prefix": True},
    "both": {"shared_prefix": True, "shared_rollouts": True},
    "kept": {"shared_prefix": True, "shared_rollouts": True, "kept_inputs_mb": 64, "kept_features_mb": 64},
}
COMPLETION = {"mini": 24, "paper": 190, "saved": 190}
PAPER = {"width": 1024, "layers": 12, "inner": 5504, "vision": 640, "depth": 11, "vision_inner": 1710, "words": 8192}
"""Of the language model and the vision tower; the 3B has 2048, 36, 11008, 1280, 32, 3420 and 151,936."""
WHOLE_ATTENTION = (4, 10)
"""Layers of the vision tower that see the whole image, not a window; the 3B has 4 of 32."""
SPANS = ("rollout", "scoring", "forward", "backward", "optimiser")


def data(folder, frame):
    """A prepared set over the bench's questions."""
    import numpy as np
    from PIL import Image

    from anatomy_r1.data.prepared import load, write
    from baselines.bench.cases import BENCHMARK
    from baselines.bench.inputs import questions

    asked, rng = questions(), np.random.default_rng(0)
    for one in asked:
        coarse = rng.integers(0, 256, (frame[1] // 8 or 1, frame[0] // 8 or 1, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize(frame).save(folder / one.image)
    write(folder / "set", {"train": asked}, folder, {"benchmark": BENCHMARK, "generated": True, "seed": 0})
    return load(folder / "set", "train")


def config(processor, layers):
    """Qwen2.5-VL-3B's configuration, smaller."""
    from baselines.bench.inputs import model_config
    from baselines.preflight.memory import ARCHITECTURES

    raw = json.loads((ARCHITECTURES / "Qwen2.5-VL-3B-Instruct.json").read_text())
    made, size = model_config(raw, processor.tokenizer), PAPER
    text, vision = made.get_text_config(), made.vision_config
    text.hidden_size, text.intermediate_size, text.vocab_size = size["width"], size["inner"], size["words"]
    text.num_hidden_layers, text.num_attention_heads, text.num_key_value_heads = layers, 8, 2
    text.layer_types = text.layer_types[:layers]
    vision.hidden_size, vision.intermediate_size, vision.depth = size["vision"], size["vision_inner"], size["depth"]
    vision.out_hidden_size, vision.num_heads, vision.fullatt_block_indexes = size["width"], 8, list(WHOLE_ATTENTION)
    return made


def policy(shape, folder):
    """Model and processor, saved and loaded as training loads them."""
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    from anatomy_r1.mini import architecture
    from baselines.bench.inputs import build_processor

    if folder.is_dir():
        return
    torch.manual_seed(0)
    if shape == "mini":
        processor = architecture.build_processor()
        model = architecture.build_model("mini-l", processor)
    else:
        processor = build_processor((3136, 451584))
        model = Qwen2_5_VLForConditionalGeneration(config(processor, 2 if shape == "saved" else PAPER["layers"]))
        tokens = {"eos_token_id": processor.tokenizer.eos_token_id, "pad_token_id": processor.tokenizer.pad_token_id}
        model.generation_config.update(**tokens)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def budget(shape, method, way, steps):
    """Trainer arguments: the mini profile's, or one group of the profile `paper`'s on a CPU."""
    from baselines.experiment.cell import arguments
    from baselines.experiment.profile import load_profile
    from baselines.methods.registry import find_method

    profile = load_profile("mini" if shape == "mini" else "paper")
    changed = {"max_steps": steps, "own_steps": steps, "rollout_tokens": 0, "warmup_steps": 0, "use_vllm": False}
    changed |= {"max_completion_length": COMPLETION[shape], "similarity": "mini" if "asc" in method else None}
    common = {**profile.training["common"], "save_strategy": "no", "use_cpu": True, "bf16": False}
    common["gradient_checkpointing"] = shape == "paper"
    if shape != "mini":
        changed |= {"per_device_train_batch_size": 8, "optim": "sgd", "vllm_enable_sleep_mode": False}
        changed |= {"parity_band": 0.0, "parity_stop": 0.0}
    training = {"common": common, "rl": {**profile.training["rl"], **changed, **WAYS[way]}}
    return arguments(dataclasses.replace(profile, training=training), find_method(method), 0)


def build(shape, method, way, steps, folder, prepared, model=None):
    """The trainer as the grid builds it; of random weights, no completion ends early."""
    from baselines.bench.inputs import forbidden
    from baselines.methods.registry import find_method
    from baselines.stages.policy import load_policy
    from baselines.stages.train import assemble
    from baselines.trainers import RLConfig

    entry = {"dtype": "float32", "frozen": [] if shape == "mini" else ["model.visual"]}
    start = Path(model or folder / shape)
    policy_and_processor = load_policy(start, start, entry)
    length = {"min_new_tokens": COMPLETION[shape], "suppress_tokens": forbidden(policy_and_processor[1].tokenizer)}
    given = {**budget(shape, method, way, steps), "output_dir": str(folder / "out"), "report_to": "none"}
    args = RLConfig(**given, generation_kwargs=None if model else length)
    return assemble(find_method(method), prepared, policy_and_processor, entry, args)


class Saved:
    """Bytes that the loss keeps for its gradient, each storage once, weights left out."""

    def __init__(self, trainer):
        self.trainer, self.compute, self.most = trainer, trainer.compute_loss, 0
        self.weights = {one.untyped_storage().data_ptr() for one in trainer.model.parameters()}

    def __call__(self, *given, **named):
        import torch

        seen, kept = {}, []

        def note(tensor):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self.weights:
                seen[storage.data_ptr()] = storage.nbytes()
                kept.append(tensor)  # or its place could be another's
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda one: one):
            loss = self.compute(*given, **named)
        self.most = max(self.most, sum(seen.values()))
        kept.clear()
        return loss


def resident(name):
    """Bytes of this process: `VmRSS` now, `VmHWM` the most since `forget_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def forget_peak():
    """Let the most be what is in use now."""
    Path("/proc/self/clear_refs").write_text("5")


class Peaks:
    """Bytes in use at the start and the most of each span, of the spans that are not within another."""

    def __init__(self):
        self.found = {}

    def watched(self, name, function):
        """The function, its memory noted; the most of a step is that of its spans."""

        def noted(*given, **named):
            forget_peak()
            before = resident("VmRSS")
            out = function(*given, **named)
            self.found[name] = {"before": before, "peak": resident("VmHWM")}
            return out

        return noted


def one(shape, method, way, steps, folder, prepared, model=None):
    """Processor seconds of a step by span, median over all but the first (the only one, if there is one); memory."""
    import statistics

    from baselines.bench.measure import StepTimer

    trainer, timer = build(shape, method, way, steps, folder, prepared, model), StepTimer()
    saved, peaks = None if shape == "paper" else Saved(trainer), Peaks()
    score, backward = trainer._generate_and_score_completions, trainer.accelerator.backward
    trainer._generate = timer.timed("rollout", timer.counted(trainer._generate))
    trainer._generate_and_score_completions = timer.timed("scoring", peaks.watched("scoring", score))
    trainer.compute_loss = timer.timed("forward", saved or peaks.watched("forward", trainer.compute_loss))
    trainer.accelerator.backward = timer.timed("backward", peaks.watched("backward", backward))
    trainer.add_callback(timer)
    gc.collect()
    before = resident("VmRSS")
    with contextlib.redirect_stdout(sys.stderr):
        trainer.train()
    counted = timer.steps[1:] or timer.steps
    found = {name: statistics.median(step[name] for step in counted) for name in ("seconds", *SPANS)}
    found |= {
        "prompt": max(timer.prompts),
        "tokens a completion": statistics.mean(step["tokens"] / step["completions"] for step in counted),
        "completions": statistics.median(step["completions"] for step in counted),
        "losses": [e["loss"] for e in trainer.state.log_history if "loss" in e],
        "weights": sum(w.numel() for w in trainer.model.parameters()),
    }
    if saved:
        return {**found, "saved": saved.most}
    return {**found, "before": before, "peak": max(one["peak"] for one in peaks.found.values()), "spans": peaks.found}


def ratios(cases):
    """Of each way to the usual one."""
    found = {}
    for name, case in cases.items():
        method, way = name.split(" ")
        if way == "usual":
            continue
        usual = cases[f"{method} usual"]
        learn = (case["forward"] + case["backward"]) / (usual["forward"] + usual["backward"])
        memory = (
            case["saved"] / usual["saved"]
            if "saved" in case
            else ((case["peak"] - case["before"]) / (usual["peak"] - usual["before"]))
        )
        values = {"step": case["seconds"] / usual["seconds"], "forward and backward": learn, "memory": memory}
        values |= {name: case[name] / usual[name] for name in ("rollout", "scoring")}
        found[name] = {key: round(value, 3) for key, value in values.items()}
    return found


def alone(folder, method, way):
    """One case at the paper's lengths in a process of its own, whose memory is then its own; read if it has a file."""
    from anatomy_r1.files import write_atomic

    found = Path(folder) / f"{method}-{way}.json"
    if not found.is_file():
        words = [sys.executable, "-m", "tests.bench.shared_step", "one", "paper", method, way, str(folder)]
        write_atomic(found, subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return json.loads(found.read_text())


def paper(folder, methods=METHODS, ways=("both", "usual")):
    """Every method in every way at the paper's lengths, the cases of an earlier call included."""
    for method in methods:
        for way in ways:
            alone(folder, method, way)
    known = {path.stem.rpartition("-"): path for path in sorted(Path(folder).glob("*.json"))}
    cases = {f"{method} {way}": json.loads(path.read_text()) for (method, _, way), path in known.items()}
    return {
        "ratios": ratios({name: case for name, case in cases.items() if f"{name.split()[0]} usual" in cases}),
        "cases": cases,
    }


def measure(shape, methods=METHODS, steps=1, ways=tuple(WAYS), given=()):
    """Every method in every way, in this process."""
    import torch

    torch.set_num_threads(1)
    cases = {}
    with tempfile.TemporaryDirectory() as folder:
        for method in methods:
            for way in ways:
                name = f"{method} {way}"
                cases[name] = run(shape, method, way, steps, folder, *given)
                gc.collect()
                print(name, json.dumps(cases[name]), file=sys.stderr, flush=True)
    return {"ratios": ratios(cases), "cases": cases}


def run(shape, method, way, steps, folder, model=None, prepared=None):
    """One case in this process."""
    from anatomy_r1.data.prepared import load
    from baselines.bench.inputs import FRAME, MINI_FRAME

    if model:
        return one(shape, method, way, steps, Path(folder), load(Path(prepared), "train"), model)
    folder = Path(folder)
    pictures = folder / "pictures"
    if not pictures.is_dir():
        pictures.mkdir(parents=True)
        data(pictures, MINI_FRAME if shape == "mini" else FRAME)
    policy(shape, folder / shape)
    return one(shape, method, way, steps, folder, load(pictures / "set", "train"))


def in_turn(method, steps, model, prepared):
    """Seconds of each step of each way, which take turns step by step: a machine that is busy is so for all of them."""
    import statistics
    import threading

    from transformers import TrainerCallback

    from anatomy_r1.data.prepared import load
    from baselines.bench.measure import StepTimer, now

    class Turns(TrainerCallback):
        def __init__(self, timer):
            self.timer, self.mine, self.done = timer, threading.Semaphore(0), threading.Semaphore(0)

        def wait(self):
            self.done.release()
            self.mine.acquire()
            self.timer.began = now()

        def on_train_begin(self, *_, **__):
            self.wait()

        def on_step_end(self, *_, **__):
            self.wait()

    found, running = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for way in WAYS:
            trainer = build("mini", method, way, steps, Path(folder), load(Path(prepared), "train"), model)
            timer = StepTimer()
            turns, found[way] = Turns(timer), timer.steps
            trainer._generate = timer.timed("rollout", timer.counted(trainer._generate))
            trainer.add_callback(timer)
            trainer.add_callback(turns)
            running.append((threading.Thread(target=trainer.train, daemon=True), turns))
        for thread, turns in running:
            thread.start()
            turns.done.acquire()
        for _ in range(steps):
            for _, turns in running:
                turns.mine.release()
                turns.done.acquire()
    length = {way: [one["tokens"] / one["completions"] for one in each] for way, each in found.items()}
    seconds = {way: [one["seconds"] for one in each] for way, each in found.items()}
    middle = {way: statistics.median(each[1:]) for way, each in seconds.items()}
    return {"median": middle, "seconds": seconds, "tokens a completion": length}


def main(what, *words):
    """Measure and print."""
    import torch

    torch.set_num_threads(1)
    if what == "turns":
        with contextlib.redirect_stdout(sys.stderr):
            found = in_turn(words[0], int(words[1]), *words[2:])
    elif what == "one":
        shape, method, way, folder = words
        found = run(shape, method, way, 1, Path(folder) / "work")
    elif what == "paper":
        found = paper(words[0], words[1:] or METHODS)
    elif what == "saved":
        found = measure(what, ("grpo",), 1, ("both", "usual"))
    else:
        methods = tuple(os.environ.get("METHODS", ",".join(METHODS)).split(","))
        found = measure(what, methods, int(words[0]) if words else 6, tuple(WAYS), words[1:])
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
