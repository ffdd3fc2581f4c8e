"""All methods: Table 1's in the paper's order, Table 2's, ours, controls. A new one is one file and one entry here."""

from anatomy_r1.errors import AnatomyR1Error
from baselines.asc import ASC, ASC_GDQA, ASC_POOL, ASC_RELEASED, ASC_SHUFFLED
from baselines.control import MAJORITY, NAIVE_BAYES
from baselines.dapo import DAPO
from baselines.gdqa import GDQA, GDQA_NO_IMAGE, GDQA_NO_TEXT
from baselines.gpg import GPG
from baselines.grpo import COT_SFT_GRPO, GRPO, SFT_GRPO
from baselines.method import Method
from baselines.sft import COT_SFT, SFT
from baselines.zero_shot import ZERO_SHOT

TABLE_1 = (ZERO_SHOT, SFT, COT_SFT, SFT_GRPO, COT_SFT_GRPO, GRPO, GPG, DAPO, ASC, GDQA)
TABLE_2 = (GDQA_NO_TEXT, GDQA_NO_IMAGE)
OURS = (ASC_GDQA, ASC_SHUFFLED, ASC_POOL, ASC_RELEASED)
CONTROLS = (MAJORITY, NAIVE_BAYES)
METHODS: tuple[Method, ...] = (*TABLE_1, *TABLE_2, *OURS, *CONTROLS)


def method(id: str) -> Method:  # noqa: A002
    """The method of that id.

    Raises:
        AnatomyR1Error: when there is none; lists those there are.
    """
    for known in METHODS:
        if known.id == id:
            return known
    raise AnatomyR1Error(f"no method {id!r}; there are: {', '.join(m.id for m in METHODS)}")
