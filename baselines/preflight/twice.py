"""`python -m baselines twice`: a training of a few steps, run two times. Are rollouts, rewards and weights the same?

Both are processes of their own, below `<runs>/<profile>/twice/first` and `second`. What is measured in seconds is left
out of the comparison; everything else must agree to the bit. `vary` sets an environment variable in the second run
alone, and `seed` trains its cells with another seed: checks that a difference would be seen.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.arithmetic import environment as portable_environment
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import ROOT
from anatomy_r1.training.training_log import LOG_NAME, read
from baselines.experiment.cell import Cell, GridRun
from baselines.experiment.profile import Profile
from baselines.preflight.short_run import make_inputs, short_run
from baselines.runtime.determinism import ENVIRONMENT

FIRST, SECOND = "first", "second"
STEPS = 3
"""Of each training, by default (ours): the second update sees what the first one left."""
TABLES = ("steps", "rollouts", "served", "parity")
"""Of a training log; `events` are times."""
MEASURED = ("seconds", "time")
"""What a column's name holds if it is measured rather than computed."""


@dataclass(frozen=True)
class Repeated:
    """One training, twice."""

    cell: str
    difference: str
    """Where the two part first, in words; empty if they are the same to the bit."""
    learned: bool = True
    """Whether any step had a gradient; without one, equal weights are the base's and show nothing."""

    promised: bool = True
    """Whether the profile asks for the same bits: deterministic or portable arithmetic."""

    @property
    def line(self) -> str:
        """For the screen."""
        still = "" if self.learned else "; no step had a gradient, so that weights show nothing"
        why = "" if self.promised or not self.difference else "; the profile does not say `deterministic: true`"
        return f"{self.cell}: {self.difference or 'the same to the bit'}{still}{why}"


def twice(
    run: GridRun, cells: Sequence[Cell], steps: int, vary: Mapping[str, str], seed: int | None = None
) -> Iterator[Repeated]:
    """Train each cell, after what it starts from, two times for so many steps; the second time with `seed`, if given.

    Raises:
        AnatomyR1Error: A cell is none of the profile's trainings, `vary` would vary nothing, or a training fails; its
            output has the reason.
    """
    check_cells(run.profile, cells)
    environment = _environment(run.profile)
    if fixed := sorted(environment.keys() & vary.keys()):
        fix = "Fix: another variable, or a profile with native arithmetic and without `deterministic`"
        raise AnatomyR1Error(
            f"{fixed[0]}: each process of this profile sets it itself, so that nothing would vary. {fix}"
        )
    make_inputs(run, cells)
    short = {"max_steps": steps, "own_steps": steps, "rollout_tokens": 0, "warmup_steps": 0}
    runs = [short_run(run, run.layout.root / "twice" / name, short) for name in (FIRST, SECOND)]
    for cell in cells:
        pair = (cell, cell if seed is None else dataclasses.replace(cell, seed=seed))
        for one, again, more in zip(runs, pair, ({}, vary), strict=True):
            for trained in _lineage(again):
                _train(one, trained, {**environment, **more})
        folders = [one.layout.train(again) for one, again in zip(runs, pair, strict=True)]
        yield Repeated(cell.name, difference(*folders), learned(folders[0]), promised=bool(run.profile.numerics))


def _environment(profile: Profile) -> dict[str, str]:
    """What every process of a training sets itself, over what it was started with."""
    own = ENVIRONMENT if profile.deterministic else {}
    return {**own, **(portable_environment() if profile.arithmetic == "portable" else {})}


def check_cells(profile: Profile, cells: Sequence[Cell]) -> None:
    """Before anything is made, or this process is started again.

    Raises:
        AnatomyR1Error: A cell is none of the profile's trainings.
    """
    for cell in cells:
        _check(profile, cell)


def _check(profile: Profile, cell: Cell) -> None:
    for what, name, known in (("benchmark", cell.benchmark, profile.data), ("model", cell.model, profile.models)):
        if name not in known:
            raise AnatomyR1Error(f"{cell.name}: no {what} {name!r} in this profile. Fix: one of {', '.join(known)}")
    if not cell.method.trained:
        raise AnatomyR1Error(f"{cell.name}: {cell.method_id} trains nothing. Fix: a method that does, such as grpo")


def _lineage(cell: Cell) -> list[Cell]:
    """The cell after what it starts from."""
    parent = cell.parent()
    return [*(_lineage(parent) if parent else []), cell]


def _train(run: GridRun, cell: Cell, environment: Mapping[str, str]) -> None:
    if (run.layout.train(cell) / LOG_NAME).exists():
        return  # what another cell starts from, too
    words = ["--profile", run.source, "--root", str(run.layout.root)]
    words += [word for file in run.method_files for word in ("--method-file", file)]
    command = [sys.executable, "-m", "baselines", "stage", *words, "train", cell.name]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    log = run.layout.log("train", cell.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        code = subprocess.run(command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT, check=False).returncode
    if code:
        raise AnatomyR1Error(f"{cell.name}: the training ended with status {code}. Fix: the reason is in {log}")


def learned(folder: Path) -> bool:
    """Whether a training had a gradient in any step."""
    return bool((read(folder / LOG_NAME, "steps")["grad_norm"] != 0).any())


def difference(first: Path, second: Path) -> str:
    """Where two trainings part: the first step and column of the log that differ, and the weights; empty if nowhere."""
    found = [told for table in TABLES if (told := _of_tables(first / LOG_NAME, second / LOG_NAME, table))]
    found += _of_weights(first, second)
    return "; ".join(found)


def _of_tables(first: Path, second: Path, table: str) -> str:
    one, two = read(first, table), read(second, table)
    if len(one) != len(two) or list(one.columns) != list(two.columns):
        return f"{table}: {len(one)} and {len(two)} rows"
    parted = [
        (int(one.loc[unequal, "step"].min()), column)
        for column in one.columns
        if not any(word in column for word in MEASURED)
        for unequal in [~((one[column] == two[column]) | (one[column].isna() & two[column].isna()))]
        if unequal.any()
    ]
    if not parted:
        return ""
    step = min(at for at, _ in parted)
    return f"{table}: from step {step} on, in {', '.join(column for at, column in parted if at == step)}"


def _of_weights(first: Path, second: Path) -> Iterator[str]:
    """Bit by bit: a NaN is not equal to itself, and 0 is equal to -0."""
    from safetensors import safe_open

    files = sorted(path.name for path in first.glob("*.safetensors"))
    if not files or files != sorted(path.name for path in second.glob("*.safetensors")):
        yield "weights: other files"
        return
    for name in files:
        with safe_open(first / name, framework="pt") as one, safe_open(second / name, framework="pt") as two:
            keys = list(one.keys())
            if sorted(keys) != sorted(two.keys()):
                yield f"{name}: other tensors"
                continue
            unequal = [key for key in keys if not _same_bits(one.get_tensor(key), two.get_tensor(key))]
            if unequal:
                most = max(float((one.get_tensor(k) - two.get_tensor(k)).abs().max()) for k in unequal)
                yield f"{name}: {len(unequal)} of {len(keys)} tensors differ, by {most:.1e} at most"


def _same_bits(one: Any, two: Any) -> bool:
    import torch

    return torch.equal(*(tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (one, two)))
