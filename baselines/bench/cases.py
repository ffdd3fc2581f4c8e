"""Benchmark cases (a model, how it is tuned, a method) and the JSON file that holds the result of each.

A case takes its settings from the committed profiles, so that the bench measures what the grid runs.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.files import write_atomic
from anatomy_r1.provenance import processor, provenance, read_driver
from baselines.methods.grpo import GRPO
from baselines.methods.method import Method
from baselines.methods.registry import find_method
from baselines.preflight.memory import ROLLOUT_TOKENS

if TYPE_CHECKING:
    from baselines.experiment.profile import Profile

BENCHMARK = "sgg_anatomy_mini"
"""Benchmark whose prompts are used: those of SGG-VQA, over generated questions."""
MODELS = {"3b": "qwen2.5-vl-3b", "7b": "qwen2.5-vl-7b"}
"""Short name -> model of the profiles `paper` and `paper-1gpu`."""
TUNINGS = {"lora": "paper-1gpu", "full": "paper"}
"""Tuning -> profile that defines it: LoRA adapters, or all weights except the vision tower."""
PLAIN = GRPO.but("trl", "TRL's own GRPO", trainer="baselines.bench.measure.PlainGRPOTrainer")
SHARING = {"shared_prefix": True, "shared_rollouts": True}
ONCE = "-shared"
"""End of the name of a method whose groups are computed once, as far as their members share anything."""
OURS = ("grpo", "grpo-gdqa", "dapo", "gpg", "grpo-asc")
METHODS = ("trl", *(name for method in OURS for name in (method, method + ONCE)))
MORE = ("dr-grpo", "gspo", "papo")
"""Methods outside the paper's tables: measured where they are named."""
BENCH_PROMPT = 640
"""Tokens of a prompt of the bench, rounded up: 510 of a frame, and about 116 words, each of which is a token here. In
Qwen's own vocabulary they are more (`preflight.memory.PROMPT`)."""
COMPLETION = ROLLOUT_TOKENS
"""Tokens per completion, as in the plan. Every completion is this long: random weights do not stop by themselves."""
STEPS = 5
"""Steps per case; the first is warm-up and is not counted (ours)."""


@dataclass(frozen=True)
class Case:
    """One measurement."""

    model: str
    tuning: str
    method: str
    completion: int = COMPLETION
    steps: int = STEPS
    rehearsal: bool = False
    """Run on a CPU with the mini architecture and the mini profile's batch, to show that everything works."""

    @property
    def name(self) -> str:
        """Name of its result file."""
        return f"{self.model}-{self.tuning}-{self.method}"


def cases(
    models: Sequence[str] = (),
    tunings: Sequence[str] = (),
    methods: Sequence[str] = (),
    *,
    completion: int = COMPLETION,
    steps: int = STEPS,
    rehearsal: bool = False,
) -> list[Case]:
    """Every combination, small models first; an empty argument stands for all."""
    known = {"model": ["mini"] if rehearsal else list(MODELS), "tuning": list(TUNINGS), "method": [*METHODS, *MORE]}
    asked = {"model": models, "tuning": tunings, "method": methods}
    for kind, names in asked.items():
        if unknown := [name for name in names if name not in known[kind]]:
            raise AnatomyR1Error(f"{kind} {unknown[0]!r}: not in this bench. Fix: one of {', '.join(known[kind])}")
    if steps < 2 or completion < 1:
        raise AnatomyR1Error("the first step is warm-up. Fix: --steps 2 or more, and a --completion of 1 or more")
    return [
        Case(model, tuning, method, completion, steps, rehearsal)
        for model in asked["model"] or known["model"]
        for tuning in asked["tuning"] or known["tuning"]
        for method in asked["method"] or METHODS
    ]


def bench_method(name: str) -> Method:
    """A method of the registry, the same with its groups computed once, or `trl`."""
    if name == PLAIN.id:
        return PLAIN
    method = find_method(name.removesuffix(ONCE))
    return method.but(name, f"{method.label}, a group computed once", knobs=SHARING) if name.endswith(ONCE) else method


def model_entry(case: Case) -> Mapping[str, Any]:
    """The profile's entry for the model: precision, frozen parts, adapters."""
    from baselines.experiment.profile import load_profile

    model = MODELS["3b"] if case.rehearsal else MODELS[case.model]
    entry = load_profile(TUNINGS[case.tuning]).models[model]
    return {**entry, "dtype": "float32"} if case.rehearsal else entry


REHEARSAL_BATCH = 32
"""Completions of a step, as many as in `paper-1gpu`: batches of 8, four of them accumulated."""


def bench_profile(case: Case) -> Profile:
    """`paper-1gpu` (rehearsal: `mini`) with the case's model, steps and length; rollouts by transformers, not vLLM.

    What a group or a run shares is for the case's method to ask for, whatever the profile does.
    """
    from baselines.experiment.profile import load_profile
    from baselines.preflight.effort import USUAL

    usual = {**USUAL, "kept_inputs_mb": 0, "kept_features_mb": 0, "parity_band": 0.0, "parity_stop": 0.0}
    profile = load_profile("mini" if case.rehearsal else "paper-1gpu")
    changed: dict[str, Any] = {"max_steps": case.steps, "own_steps": case.steps, "use_vllm": False}
    changed["similarity"] = "mini" if bench_method(case.method).knobs.get("curriculum") else None
    changed |= {name: off for name, off in usual.items() if name in profile.training["rl"]}
    changed |= {"per_device_train_batch_size": REHEARSAL_BATCH} if case.rehearsal else {}
    changed |= {"rollout_tokens": 0, "warmup_steps": 0, "max_completion_length": case.completion}
    common = {**profile.training["common"], "save_strategy": "no"}
    training = {"common": common, "rl": {**profile.training["rl"], **changed}}
    return dataclasses.replace(profile, models={case.model: model_entry(case)}, training=training)


SPANS = ("rollout", "scoring", "forward", "backward", "optimiser")
"""rollout: sampling. scoring: rewards, log-probabilities of the reference model, augmentation, the log. forward: the
loss. backward: includes recomputed activations. optimiser: the update; gradient clipping is in `other`."""
OWN = {"vary": "vary", "write": "log_draw"}
"""Name in the results -> method of our trainer: what it does in addition to TRL's, within scoring (GDQA's augmentation,
the training log). Timed directly, because a difference of one per cent is smaller than the noise between two runs on a
shared machine."""
CaseResult = Mapping[str, Any]
"""What is known about a case: see `baselines.bench.measure.measure`."""


def result_header(case: Case, command: str) -> dict[str, Any]:
    """What every result has, measured or not."""
    made = provenance()
    when = time.strftime("%Y-%m-%d", time.gmtime())
    facts = {"commit": made["commit"], "dirty": made["dirty"], "packages": made["packages"], "date": when}
    return {"case": dataclasses.asdict(case), "command": command, **facts, "device": device()}


def device() -> dict[str, Any]:
    """Name, driver, CUDA and PyTorch of the GPU; in a rehearsal, of the CPU."""
    import torch

    common = {"torch": torch.__version__, "cuda": torch.version.cuda or ""}
    if not torch.cuda.is_available():
        return {**common, "name": processor(), "kind": "cpu", "driver": "", "memory": None}
    card = torch.cuda.get_device_properties(0)
    driver, _ = read_driver()
    return {**common, "name": card.name, "kind": "cuda", "driver": driver, "memory": card.total_memory}


def result_path(out: Path, case: Case) -> Path:
    """The case's result file."""
    return out / "cases" / f"{case.name}.json"


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON atomically."""
    write_atomic(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def read_result(path: Path) -> dict[str, Any]:
    """One result file."""
    try:
        value = json.loads(path.read_text())
        value["case"], value["status"]
    except (ValueError, KeyError, TypeError) as error:
        raise AnatomyR1Error(f"{path}: no result of the bench ({error}). Fix: move it away and run again") from error
    return dict(value)


def has_result(out: Path, case: Case) -> bool:
    """Whether the case has a result file; one made with other settings is an error."""
    path = result_path(out, case)
    if not path.is_file():
        return False
    before = read_result(path)["case"]
    if before != dataclasses.asdict(case):
        raise AnatomyR1Error(f"{path}: made with other settings, {before}. Fix: another --out, or move it away")
    return True
