"""ASC-Learning: distractors more and more like the right answer (paper, "ASC-Learning", eq. 3 and 4), and its controls.

S(q) is the largest similarity of a distractor to the answer. Each level asks for distractors that put S(q) into the
level's bin, lowest first; mean accuracy over a window decides when to go on. The paper gives neither bins, nor
threshold, nor window: the values here are ours.

- `grpo-asc-shuffled`: placebo, levels by similarities of exchanged names;
- `grpo-asc-pool`: control, the same choice of distractors without levels;
- `grpo-asc-released`: only re-ordered, own distractors, easy questions first: what the authors' file can do by itself;
- `grpo-asc-gdqa`: both of the paper's methods, which it does not report together.
"""

from baselines.gdqa import GDQA
from baselines.grpo import GRPO
from baselines.method import Knob

_LEVELS: dict[str, Knob] = {
    "curriculum": "levels",
    "level_count": 3,  # ours: with six anatomies and three distractors of five, an answer has three values of S(q)
    "level_window": 5,  # ours
    "level_threshold": 0.5,  # ours
}
ASC = GRPO.but("grpo-asc", "GRPO-ASC-Learning", paper="arXiv:2512.19512, Table 1", knobs=_LEVELS)
ASC_SHUFFLED = ASC.but("grpo-asc-shuffled", "GRPO-ASC, shuffled S (placebo)", knobs={"shuffle_similarity": True})
ASC_POOL = ASC.but("grpo-asc-pool", "GRPO-ASC's options, no curriculum (control)", knobs={"curriculum": "pool"})
ASC_RELEASED = ASC.but("grpo-asc-released", "GRPO-ASC, only re-ordered", knobs={"curriculum": "ordered"})
ASC_GDQA = GDQA.but("grpo-asc-gdqa", "GRPO-ASC-GDQA", paper="beyond the paper", knobs=_LEVELS)
