"""What is measured: a model, how it is tuned, a method. A case is a value, and its settings are profiles' own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anatomy_r1.errors import AnatomyR1Error
from baselines.methods.grpo import GRPO
from baselines.methods.method import Method
from baselines.methods.registry import find_method
from baselines.preflight.memory import ROLLOUT_TOKENS

if TYPE_CHECKING:
    from baselines.experiment.profile import Profile

BENCHMARK = "sgg_anatomy_mini"
"""Whose prompts are asked: those of SGG-VQA, on generated questions."""
MODELS = {"3b": "qwen2.5-vl-3b", "7b": "qwen2.5-vl-7b"}
"""Short name -> a model of the profiles `paper` and `paper-1gpu`."""
TUNINGS = {"lora": "paper-1gpu", "full": "paper"}
"""How a model is tuned -> the profile whose model entry says it: adapters, or all but the vision tower."""
PLAIN = GRPO.but("trl", "TRL's own GRPO", trainer="baselines.bench.plain.PlainGRPOTrainer")
METHODS = ("trl", "grpo", "grpo-gdqa", "dapo", "gpg")
COMPLETION = ROLLOUT_TOKENS
"""Tokens, as the plan reckons. All are that long: random weights do not end by themselves."""
STEPS = 5
"""Of which the first warms up and is not counted (ours)."""


@dataclass(frozen=True)
class Case:
    """One measurement; equal cases are interchangeable."""

    model: str
    tuning: str
    method: str
    completion: int = COMPLETION
    steps: int = STEPS
    rehearsal: bool = False
    """On a CPU, with the mini architecture and the mini profile's batch: shows that everything runs."""

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.model}-{self.tuning}-{self.method}"


def find(name: str) -> Method:
    """A method, or TRL's own trainer as one."""
    return PLAIN if name == PLAIN.id else find_method(name)


def cases(
    models: Sequence[str] = (),
    tunings: Sequence[str] = (),
    methods: Sequence[str] = (),
    *,
    completion: int = COMPLETION,
    steps: int = STEPS,
    rehearsal: bool = False,
) -> list[Case]:
    """Every combination, small models first; what is empty stands for all.

    Raises:
        AnatomyR1Error: for a name that there is not, or fewer than two steps.
    """
    known = {"model": ["mini"] if rehearsal else list(MODELS), "tuning": list(TUNINGS), "method": list(METHODS)}
    asked = {"model": models, "tuning": tunings, "method": methods}
    for kind, names in asked.items():
        if unknown := [name for name in names if name not in known[kind]]:
            raise AnatomyR1Error(f"{kind} {unknown[0]!r}: not measured here. Fix: one of {', '.join(known[kind])}")
    if steps < 2 or completion < 1:
        raise AnatomyR1Error("the first step only warms up. Fix: --steps 2 or more, and a --completion of 1 or more")
    return [
        Case(model, tuning, method, completion, steps, rehearsal)
        for model in asked["model"] or known["model"]
        for tuning in asked["tuning"] or known["tuning"]
        for method in asked["method"] or known["method"]
    ]


def profile_of(case: Case) -> Profile:
    """`paper-1gpu` (rehearsal: `mini`) with the case's model, steps and length, sampled by transformers."""
    from baselines.experiment.profile import load_profile

    profile = load_profile("mini" if case.rehearsal else "paper-1gpu")
    common = {**profile.training["common"], "save_strategy": "no"}
    rl = {**profile.training["rl"], **_changed(case)}
    return dataclasses.replace(profile, models={case.model: source(case)}, training={"common": common, "rl": rl})


def _changed(case: Case) -> dict[str, Any]:
    return {
        "max_steps": case.steps,
        "own_steps": case.steps,
        "rollout_tokens": 0,
        "warmup_steps": 0,
        "max_completion_length": case.completion,
        "use_vllm": False,
        "similarity": None,
    }


def source(case: Case) -> Mapping[str, Any]:
    """The model entry: precision, what is frozen, adapters."""
    from baselines.experiment.profile import load_profile

    model = MODELS["3b"] if case.rehearsal else MODELS[case.model]
    entry = load_profile(TUNINGS[case.tuning]).models[model]
    return {**entry, "dtype": "float32"} if case.rehearsal else entry
