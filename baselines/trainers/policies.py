"""Two policies of one run: at the end of the method's own steps, and when a number of tokens has been sampled.

With a constant learning rate, a run that ends at the token budget is a part of the run that goes on, so one training
serves both arms. The run ends when both policies are kept, or at `max_steps`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from anatomy_r1.results.store import EQUAL_TOKENS
from baselines.experiment.cell import OWN
from baselines.runtime.processes import is_first

REACHED = "reached.json"
"""File in a policy's folder that says after how many steps and tokens it was kept."""


class KeepPolicies(TrainerCallback):  # type: ignore[misc]
    """Saves a policy below `folder` when its budget is spent; what lies beyond the checkpoint of a resume goes first.

    Args:
        folder: where the policies go, each whole or not at all.
        tokens: how many tokens have been sampled so far, the same in all processes.
        save: writes the policy to a folder; all processes call it together.
        resumed: step of the checkpoint that the run goes on from; 0 for a fresh run.
    """

    def __init__(self, folder: Path, tokens: Callable[[], int], save: Callable[[Path], None], resumed: int = 0) -> None:
        self.folder, self.tokens, self.save = folder, tokens, save
        self.kept = {name for name in (OWN, EQUAL_TOKENS) if _kept(folder / name, resumed)}
        for name in {OWN, EQUAL_TOKENS} - self.kept if is_first() else ():
            shutil.rmtree(folder / name, ignore_errors=True)

    def done(self, args: Any) -> bool:
        """Whether nothing is left to train: a run may be killed between its end and its publication."""
        return all(name in self.kept for name in _wanted(args))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """After the optimiser's step: keeps what is due, and ends the run when nothing more is wanted."""
        spent = {OWN: state.global_step >= args.own_steps, EQUAL_TOKENS: self.tokens() >= args.rollout_tokens}
        for name in _wanted(args):
            if spent[name]:
                self._keep(name, state, reached=True)
        # Decided from numbers that all processes share, and not from the folders, which the first of them writes.
        control.should_training_stop |= all(spent[name] for name in _wanted(args))

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """`max_steps` came first: the last policy stands for the token budget, and says that it did not reach it."""
        for name in _wanted(args):
            self._keep(name, state, reached=False)

    def _keep(self, name: str, state: Any, *, reached: bool) -> None:
        if name in self.kept:
            return
        self.kept.add(name)
        half = self.folder / f"{name}.half"
        if state.is_world_process_zero:
            shutil.rmtree(half, ignore_errors=True)
        self.save(half)
        if not state.is_world_process_zero:
            return
        facts = {"step": state.global_step, "rollout_tokens": self.tokens(), "reached": reached}
        (half / REACHED).write_text(json.dumps(facts) + "\n")
        half.rename(self.folder / name)


def _kept(policy: Path, resumed: int) -> bool:
    """Whether it is there and no later than the checkpoint; another process may just be removing a later one."""
    try:
        return int(read_reached(policy)["step"]) <= resumed
    except FileNotFoundError:
        return False


def _wanted(args: Any) -> tuple[str, ...]:
    return (OWN, EQUAL_TOKENS) if args.rollout_tokens else (OWN,)


def read_reached(policy: Path) -> dict[str, Any]:
    """After how many steps and tokens a policy was kept, and whether its budget was spent by then."""
    facts: dict[str, Any] = json.loads((policy / REACHED).read_text())
    return facts
