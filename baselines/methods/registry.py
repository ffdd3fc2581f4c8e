"""All methods: Table 1's in the paper's order, Table 2's, ours, controls, and those of files named on the command line.

A new one is one file and one entry here; or a file of one's own, and no entry (docs/add-a-method.md).
"""

from collections.abc import Sequence
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from baselines.methods.asc import ASC, ASC_GDQA, ASC_POOL, ASC_RELEASED, ASC_SHUFFLED
from baselines.methods.control import MAJORITY, NAIVE_BAYES
from baselines.methods.dapo import DAPO
from baselines.methods.gdqa import GDQA, GDQA_NO_IMAGE, GDQA_NO_TEXT
from baselines.methods.gpg import GPG
from baselines.methods.grpo import COT_SFT_GRPO, GRPO, SFT_GRPO
from baselines.methods.method import Method
from baselines.methods.method_file import read_methods
from baselines.methods.sft import COT_SFT, SFT
from baselines.methods.zero_shot import ZERO_SHOT

TABLE_1 = (ZERO_SHOT, SFT, COT_SFT, SFT_GRPO, COT_SFT_GRPO, GRPO, GPG, DAPO, ASC, GDQA)
TABLE_2 = (GDQA_NO_TEXT, GDQA_NO_IMAGE)
OURS = (ASC_GDQA, ASC_SHUFFLED, ASC_POOL, ASC_RELEASED)
CONTROLS = (MAJORITY, NAIVE_BAYES)
METHODS: tuple[Method, ...] = (*TABLE_1, *TABLE_2, *OURS, *CONTROLS)
_added: dict[str, tuple[Method, ...]] = {}
"""File -> its methods. Filled once, when a process starts: a cell knows its method by id alone."""


def add_methods(files: Sequence[str]) -> tuple[Method, ...]:
    """Make the methods of these files known in this process; returns them.

    Raises:
        AnatomyR1Error: as `read_methods`.
    """
    for file in files:
        if file not in _added:
            _added[file] = read_methods(Path(file), all_methods())
    return tuple(method for file in files for method in _added[file])


def all_methods() -> tuple[Method, ...]:
    """Ours, then those of files."""
    return (*METHODS, *(method for added in _added.values() for method in added))


def method(id: str) -> Method:  # noqa: A002
    """The method of that id.

    Raises:
        AnatomyR1Error: when there is none; lists those there are.
    """
    for known in all_methods():
        if known.id == id:
            return known
    raise AnatomyR1Error(f"no method {id!r}; there are: {', '.join(m.id for m in all_methods())}")
