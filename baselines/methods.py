"""All methods, in the paper's order. A new method is one file and one entry here; every table and figure follows."""

from anatomy_r1.errors import AnatomyR1Error
from baselines.grpo import GRPO
from baselines.method import Method
from baselines.sft import COT_SFT, SFT
from baselines.zero_shot import ZERO_SHOT

METHODS: tuple[Method, ...] = (ZERO_SHOT, SFT, COT_SFT, GRPO)


def method(id: str) -> Method:  # noqa: A002
    """The method of that id.

    Raises:
        AnatomyR1Error: when there is none; lists those there are.
    """
    for known in METHODS:
        if known.id == id:
            return known
    raise AnatomyR1Error(f"no method {id!r}; there are: {', '.join(m.id for m in METHODS)}")
