"""`doctor --smoke`: one training step of each kind on the real model, and vLLM's rollouts compared with transformers'.

TRL's colocate mode has open bugs with images (huggingface/trl#6294, #6718, #6719) that raise no error. The check
compares greedy answers of both engines to eight questions, and fails when they differ.

On GPUs each training and each engine has a process of its own: memory that PyTorch has reserved is given back only when
its process ends, and vLLM refuses to start where less is free than it asks for.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from anatomy_r1.evaluation.config import EvaluationConfig
from anatomy_r1.evaluation.evaluate import evaluate
from anatomy_r1.response_log.log import ResponseLog
from baselines.experiment.cell import Cell, GridRun
from baselines.experiment.plan import Selection
from baselines.preflight.doctor import Check
from baselines.preflight.short_run import make_inputs, short_run
from baselines.runtime.processes import die_with_parent
from baselines.stages.stages import run_stage

QUESTIONS, TOKENS = 8, 32
"""Greedy answers to compare, and tokens per answer, at most (ours)."""
ALIKE = 7
"""Answers of eight that must agree: bfloat16 may break one near-tie differently (ours)."""
METHODS = ("cot-sft", "grpo")
"""One method of each kind of training."""


def smoke(run: GridRun, selection: Selection, benchmark: str) -> list[Check]:
    """One step of each kind of training for each model, then the parity of its rollouts; makes inputs first."""
    firsts = dict(reversed(selection.base_models))
    cells = [Cell(benchmark, model, METHODS[0], 0, base=firsts[model]) for model in selection.models]
    make_inputs(run, cells)
    tiny = _tiny(run)
    found = []
    for cell in cells:
        found += [_train(tiny, dataclasses.replace(cell, method_id=method)) for method in METHODS]
        if run.profile.training["rl"].get("use_vllm"):
            base, data = tiny.layout.base(cell.base_model), tiny.layout.data(benchmark)
            found.append(parity(base, data, benchmark, tiny.layout.root, apart=bool(run.profile.needs.gpus)))
    return found


def _tiny(run: GridRun) -> GridRun:
    """The run with one step per training, in its own folder, with the same models and data."""
    short = {"max_steps": 1, "own_steps": 1, "rollout_tokens": 0, "warmup_steps": 0, "max_completion_length": TOKENS}
    return short_run(run, run.layout.root / "doctor", short)


def _train(run: GridRun, cell: Cell) -> Check:
    began = time.monotonic()
    name = f"one step of {cell.method_id} on {cell.model}"
    try:
        run_apart(run_stage, "train", cell.name, run, apart=bool(run.profile.needs.gpus))
    except Exception as error:
        log = run.layout.log("train", cell.name)
        return Check(name, False, f"{type(error).__name__}: {str(error)[:300]}", f"docs/paper-run.md; log: {log}")
    return Check(name, True, f"{time.monotonic() - began:.0f} s")


def run_apart(function: Callable[..., object], *arguments: object, apart: bool) -> None:
    """Call the function here, or in a new process that ends with the call, and with this process."""
    if not apart:
        function(*arguments)
        return
    # Spawned: CUDA cannot be used in a fork of a process that has looked at it
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=die_with_parent) as pool:
        pool.submit(function, *arguments).result()


def parity(
    model: Path,
    data: Path,
    benchmark: str,
    root: Path,
    *,
    engine_args: dict[str, Any] | None = None,
    apart: bool = False,
) -> Check:
    """Whether vLLM and transformers give the same greedy answers to eight questions; `apart`: in new processes."""
    what = f"vLLM's rollouts of {model.name}"
    if find_spec("vllm") is None:
        return Check(what, None, "not compared: vLLM is not installed", 'pip install -c constraints.txt -e ".[gpu]"')
    texts = []
    for engine in ("transformers", "vllm"):
        log = root / f"parity-{model.name}-{engine}.sqlite"
        config = EvaluationConfig(engine=engine, limit=QUESTIONS, max_new_tokens=TOKENS, progress=False)
        if engine == "vllm":
            config = dataclasses.replace(config, engine_args=engine_args)
        try:
            run_apart(evaluate, benchmark, data, model, log, config, apart=apart)
        except Exception as error:
            return Check(what, False, f"{engine}: {type(error).__name__}: {str(error)[:300]}", "docs/paper-run.md")
        with ResponseLog(log, read_only=True) as opened:
            greedy = {one.key.question_id: one.text for one in opened.rows() if one.key.decoding == "greedy"}
        texts.append(greedy)
    return compare(what, *texts)


def compare(what: str, ours: dict[str, str], theirs: dict[str, str]) -> Check:
    """Compare greedy answers, by question id; whitespace does not count."""
    unequal = [name for name in ours if "".join(ours[name].split()) != "".join(theirs.get(name, "").split())]
    said = f"{len(ours) - len(unequal)} of {len(ours)} greedy answers agree with transformers'"
    said += f"; different: {', '.join(unequal[:3])}" if unequal else ""
    fix = "set use_vllm: false and no parity_band in the profile (slow), and see huggingface/trl#6294; "
    fix += "do not train on wrong rollouts"
    alike = len(ours) - len(unequal) >= len(ours) * ALIKE / QUESTIONS
    return Check(what, bool(ours) and alike, said, fix)
