"""ASC-Learning: distractors more and more like the right answer (paper, "ASC-Learning", eq. 3 and 4), and its controls.

S(q) is the largest similarity of a distractor to the answer. Each level asks for distractors that put S(q) into the
level's bin, lowest first; mean accuracy over a window decides when to go on. The paper gives neither bins, nor
threshold, nor window: the values here are ours.

- `grpo-asc-shuffled`: placebo, levels by similarities of exchanged names;
- `grpo-asc-pool`: control, the same choice of distractors without levels;
- `grpo-asc-released`: only re-ordered, own distractors, easy questions first: what the authors' file can do by itself;
- `grpo-asc-gdqa`: both of the paper's methods, which it does not report together.

Two things are called released. `grpo-asc-released` is a method: on the questions of all others, with the options that
they have, it changes the order alone. The arm `as-released` is a training set: there `grpo-asc` learns from the
authors' ASC file, and keeps the file's own options, since to draw others would undo the release (so it, too, can only
order them: easy questions first, by S(q)). Which of the two a row is, its arm says; `docs/as-released.md`.
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
_ALONE = GRPO.but("grpo-asc", "GRPO-ASC-Learning", paper="arXiv:2512.19512, Table 1", knobs=_LEVELS, release="")
ASC = replace(_ALONE, release="GRPO-ASC-Learning", release_knobs={"curriculum": "ordered"})
ASC_SHUFFLED = _ALONE.but("grpo-asc-shuffled", "GRPO-ASC, shuffled S (placebo)", knobs={"shuffle_similarity": True})
ASC_POOL = _ALONE.but("grpo-asc-pool", "GRPO-ASC's options, no curriculum (control)", knobs={"curriculum": "pool"})
ASC_RELEASED = _ALONE.but("grpo-asc-released", "GRPO-ASC, only re-ordered", knobs={"curriculum": "ordered"})
ASC_GDQA = GDQA.but("grpo-asc-gdqa", "GRPO-ASC-GDQA", paper="beyond the paper", knobs=_LEVELS, release="")
