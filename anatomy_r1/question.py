"""A multiple-choice question about one image: the value that everything else passes around.

Example:
    >>> q = Question(id="VID01/262/3", benchmark="sgg_anatomy", stem="What anatomy is at the center of the frame ?",
    ...              options=("Liver", "Gut", "Omentum", "Gallbladder"), answer="Gut", image="VID01/000262.png",
    ...              category="Gut", cluster="VID01", family="location")
    >>> q.letter
    'B'
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

LETTERS = "ABCDEFGH"


@dataclass(frozen=True, slots=True)
class Question:
    """One question with its options, in the order in which they are shown.

    Raises:
        ValueError: when the record contradicts itself (see `__post_init__`).
    """

    id: str
    """Unique within its benchmark, stable across runs: it names the record in its source."""
    benchmark: str
    """Task it belongs to: `sgg_anatomy`, `omnimed_mi`, or one of these with the suffix `_mini`."""
    stem: str
    """The question as the source words it, without options."""
    options: tuple[str, ...]
    """Option texts, as shown after `A.`, `B.`, ..."""
    answer: str
    """Text of the one right option."""
    image: str
    """POSIX path below the prepared set's image root."""
    category: str
    """What results are broken down by: the anatomy asked for (SGG) or the question type (OmniMedVQA)."""
    cluster: str
    """Unit of independence, for splits and intervals: the video (SGG), the slide, patient or image (OmniMedVQA)."""
    family: str = ""
    """Template family of the stem, for example `location` or `one_hop`."""
    source: str = ""
    """`file:line` or `file#record` where it was read."""
    rationale: str = ""
    """Rule-based reasoning that ends in the answer's text; empty where nothing supports one. Training only."""

    def __post_init__(self) -> None:
        if not 2 <= len(self.options) <= len(LETTERS):
            raise ValueError(f"question {self.id}: {len(self.options)} options; 2 to {len(LETTERS)} are supported")
        if len(set(self.options)) != len(self.options):
            raise ValueError(f"question {self.id}: an option stands twice in {self.options}")
        if self.answer not in self.options:
            raise ValueError(f"question {self.id}: the gold answer {self.answer!r} is not among {self.options}")
        if not self.stem.strip():
            raise ValueError(f"question {self.id}: the stem is empty")
        path = PurePosixPath(self.image)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"question {self.id}: image path {self.image!r} leaves the image root")

    @property
    def letter(self) -> str:
        """Letter of the right option."""
        return LETTERS[self.options.index(self.answer)]
