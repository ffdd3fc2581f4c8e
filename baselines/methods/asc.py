"""ASC-Learning (paper, "ASC-Learning", eq. 3 and 4) and its controls: distractors grow more like the right answer.

S(q) is the largest similarity of a distractor to the answer. Each level serves distractors that put S(q) into the
level's bin, lowest first; mean accuracy over a window decides when the level rises. The paper states neither the bins,
nor the threshold, nor the window: the values below are ours.

- `grpo-asc`: differs from `grpo` in one thing, `curriculum`: which questions and distractors a batch serves;
- `grpo-asc-shuffled`: placebo; levels are built from similarities under permuted names;
- `grpo-asc-pool`: control; the same pool of distractors, without levels;
- `grpo-asc-released`: each question keeps its own distractors and only the order changes, easy questions first: all
  that the authors' file allows;
- `grpo-asc-gdqa`: both of the paper's methods, which it does not report together.

Do not confuse the method `grpo-asc-released` with the arm `as-released`. The method trains on the same questions and
options as all others, in another order. The arm is a training set: in it, `grpo-asc` trains on the authors' ASC file
and keeps the file's own options, since drawing others would undo the release (so it, too, only orders questions by
S(q)). A row's arm tells which it is; see `docs/as-released.md`.
"""

from dataclasses import replace

from baselines.methods.gdqa import GDQA
from baselines.methods.grpo import GRPO
from baselines.methods.method import Knob

_LEVELS: dict[str, Knob] = {
    "curriculum": "levels",
    "level_count": 3,  # ours: with six anatomies and three distractors of five, an answer has three values of S(q)
    "level_window": 5,  # ours
    "level_threshold": 0.5,  # ours
}
_ALONE = GRPO.but("grpo-asc", paper="arXiv:2512.19512, Table 1", knobs=_LEVELS, release="")
ASC = replace(_ALONE, release="GRPO-ASC-Learning", release_knobs={"curriculum": "ordered"})
ASC_SHUFFLED = _ALONE.but("grpo-asc-shuffled", knobs={"shuffle_similarity": True})
ASC_POOL = _ALONE.but("grpo-asc-pool", knobs={"curriculum": "pool"})
ASC_RELEASED = _ALONE.but("grpo-asc-released", knobs={"curriculum": "ordered"})
ASC_GDQA = GDQA.but("grpo-asc-gdqa", paper="beyond the paper", knobs=_LEVELS, release="")
