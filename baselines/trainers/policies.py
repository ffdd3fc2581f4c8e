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

from anatomy_r1.results import EQUAL_TOKENS

OWN = "own"
REACHED = "reached.json"
"""File in a policy's folder that says after how many steps and tokens it was kept."""


class KeepPolicies(TrainerCallback):  # type: ignore[misc]
    """Saves a policy below `folder` when its budget is spent; what lies beyond the checkpoint of a resume goes first.

    Args:
        folder: where the policies go, each whole or not at all.
        tokens: how many tokens have been sampled so far, the same in all processes.
        resumed: step of the checkpoint that the run goes on from; 0 for a fresh run.
    """

    def __init__(self, folder: Path, tokens: Callable[[], int], resumed: int = 0) -> None:
        self.folder, self.tokens = folder, tokens
        for name in (OWN, EQUAL_TOKENS):
            if (folder / name).exists() and read_reached(folder / name)["step"] > resumed:
                shutil.rmtree(folder / name)

    def done(self, args: Any) -> bool:
        """Whether nothing is left to train: a run may be killed between its end and its publication."""
        return all((self.folder / name).exists() for name in _wanted(args))

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """After the optimiser's step: keeps what is due, and ends the run when nothing more is wanted."""
        spent = {OWN: state.global_step >= args.own_steps, EQUAL_TOKENS: self.tokens() >= args.rollout_tokens}
        for name in _wanted(args):
            if spent[name]:
                self._keep(name, state, model, reached=True)
        # Decided from numbers that all processes share, and not from the folders, which the first of them writes.
        control.should_training_stop |= all(spent[name] for name in _wanted(args))

    def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """`max_steps` came first: the last policy stands for the token budget, and says that it did not reach it."""
        for name in _wanted(args):
            self._keep(name, state, model, reached=False)

    def _keep(self, name: str, state: Any, model: Any, *, reached: bool) -> None:
        out = self.folder / name
        if out.exists() or not state.is_world_process_zero:
            return
        half = out.with_name(f"{name}.half")
        shutil.rmtree(half, ignore_errors=True)
        model.save_pretrained(half)
        facts = {"step": state.global_step, "rollout_tokens": self.tokens(), "reached": reached}
        (half / REACHED).write_text(json.dumps(facts) + "\n")
        half.rename(out)


def _wanted(args: Any) -> tuple[str, ...]:
    return (OWN, EQUAL_TOKENS) if args.rollout_tokens else (OWN,)


def read_reached(policy: Path) -> dict[str, Any]:
    """After how many steps and tokens a policy was kept, and whether its budget was spent by then."""
    facts: dict[str, Any] = json.loads((policy / REACHED).read_text())
    return facts
