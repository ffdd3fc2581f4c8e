"""A multiple-choice question about one image: the value that all other modules exchange.

Example:
    >>> q = Question(id="VID01/262/3", benchmark="sgg_anatomy", stem="What anatomy is at the center of the frame ?",
    ...              options=("Liver", "Gut", "Omentum", "Gallbladder"), answer="Gut", image="VID01/000262.png",
    ...              category="Gut", cluster="VID01", family="location")
    >>> q.letter
    'B'
"""

from __future__ import annotations

import html
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

LETTERS = "ABCDEFGH"


def plain_option(text: str) -> str:
    """Text by which an answer is compared with an option: case, runs of white space, one final full stop, and whether
    an accented letter is one character or two do not matter.
    """
    return " ".join(_decomposed(text).split()).removesuffix(".").casefold()


def _decomposed(text: str) -> str:
    """NFD, one character at a time: that of a whole text sorts its marks, which takes more than linear time."""
    return text if text.isascii() else "".join(unicodedata.normalize("NFD", one) for one in text)


def look_alike(text: str) -> str:
    """Text by which options are compared with each other: also Unicode forms, invisible characters, dashes, HTML
    entities, quotes and punctuation at the edges do not matter.

    A question must not have two options that are equal by it: neither a reader nor an extractor could tell them apart.
    """
    shown = unicodedata.normalize("NFKC", html.unescape(text))
    visible = (_PLAIN_CHARACTERS.get(unicodedata.category(one), one) for one in shown)
    return " ".join("".join(visible).split()).strip(_EDGES).casefold()


_PLAIN_CHARACTERS = {"Cf": "", "Pd": "-", "Zs": " "}
"""Category of a Unicode character (invisible, dash, space) -> what it counts as."""
_EDGES = " .,:;!\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb"


@dataclass(frozen=True, slots=True)
class Question:
    """One question, its options in the order in which they are shown.

    Raises:
        ValueError: when the fields contradict each other (see `__post_init__`).
    """

    id: str
    """Unique within its benchmark and stable across runs: names the record in its source."""
    benchmark: str
    """`sgg_anatomy`, `omnimed_mi`, or one of these with the suffix `_mini`."""
    stem: str
    """The question in the wording of the source, without options."""
    options: tuple[str, ...]
    """Option texts, shown after `A.`, `B.`, ..."""
    answer: str
    """Text of the one right option."""
    image: str
    """POSIX path below the prepared set's image root."""
    category: str
    """Group for breakdowns of results: the anatomy asked for (SGG) or the question type (OmniMedVQA)."""
    cluster: str
    """Independent unit for splits and intervals: the video (SGG), or the slide, patient or image (OmniMedVQA)."""
    family: str = ""
    """Template family of the stem, such as `location` or `one_hop`."""
    source: str = ""
    """Where it was read: `file:line` or `file#record`."""
    rationale: str = ""
    """Rule-based reasoning that ends with the answer's text, for training only; empty if nothing supports one."""

    def __post_init__(self) -> None:
        if not 2 <= len(self.options) <= len(LETTERS):
            raise ValueError(f"question {self.id}: {len(self.options)} options; 2 to {len(LETTERS)} are supported")
        if not all(option.strip() for option in self.options):
            raise ValueError(f"question {self.id}: an option is blank in {self.options}")
        if len(set(map(look_alike, self.options))) != len(self.options):
            raise ValueError(f"question {self.id}: an option occurs twice in {self.options}, form aside")
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
