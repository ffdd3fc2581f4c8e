"""Options of the preparations: `anatomy-r1 data prepare` fills them, and a profile's data section is read into them.

Imports stay light: the command line shows the defaults in its help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from anatomy_r1.data.inputs import DataError

SPLIT_RULES = ("unused", "official", "file")


@dataclass(frozen=True, kw_only=True)
class PrepareOptions:
    """What every preparation takes."""

    out: Path
    """Folder of the prepared set to write."""
    skip_bad: bool = False
    """Skip bad records and list them in the manifest, instead of stopping at the first."""

    @property
    def sizes(self) -> dict[str, int]:
        """Split -> number of questions asked for, where the manifest does not state it as `requested`."""
        return {}


@dataclass(frozen=True, kw_only=True)
class SggOptions(PrepareOptions):
    """Options of the anatomy questions from SSG-VQA on CholecT45 frames."""

    root: Path
    """Folder with `SSG-VQA/` and `CholecT45/`."""
    questions: Path | None = None
    frames: Path | None = None
    scene_graphs: Path | None = None
    """Folders, if they are not the usual ones below `root` (`folders`). Frames without a scene graph are counted."""
    no_scene_graphs: bool = False
    """Go on without scene graphs. Where a relation decides, a question may then have several right options."""
    split: Literal["unused", "official", "file"] | None = None
    """Split rule. `unused`: test on the seven videos that the release leaves out (inferred); `official`: SSG-VQA's
    split; `file`: `ROOT/SSG-VQA/splits.json`. Default: `file` if that file exists, else `unused`."""
    train: int = 1000
    """Number of training questions. Inferred: the percentages of the paper's table fit N = 1,000 (GRIM test)."""
    validation: int | None = None
    """Number of validation questions; default: 0 with `unused`, else as many as `test`."""
    test: int = 1000
    """Number of test questions; inferred, as `train`."""
    seed: int = 0
    """Seed of the sample, the distractors and their order."""
    variant: Literal["balanced"] | None = None
    """`balanced`: the same questions, as many as can be balanced, with distractors drawn anew
    (`anatomy_r1.data.variants`)."""

    def __post_init__(self) -> None:
        _check_variant(self.variant, ("balanced",))
        _check_sizes(train=self.train, validation=self.validation, test=self.test)
        if self.split not in (None, *SPLIT_RULES):
            raise DataError(f"split: unknown rule {self.split!r}. Fix: choose one of {', '.join(SPLIT_RULES)}")

    @property
    def folders(self) -> dict[str, Path]:
        """Role of a folder in the manifest -> the folder."""
        return {
            "qa_txt": self.questions or self.root / "SSG-VQA/qa_txt",
            "frames": self.frames or self.root / "CholecT45/data",
            "scene_graph": self.scene_graphs or self.root / "SSG-VQA/scene_graph",
        }

    @property
    def split_file(self) -> Path:
        """The split that rule `file` reads."""
        return self.root / "SSG-VQA" / "splits.json"


@dataclass(frozen=True, kw_only=True)
class OmniMedOptions(PrepareOptions):
    """Options of the four-option microscopy records from OmniMedVQA."""

    root: Path
    """Folder with `OmniMedVQA/`."""
    questions: Path | None = None
    """OmniMedVQA's folder, with `QA_information` and `Images`; default: `ROOT/OmniMedVQA`."""
    test_fraction: float = 0.1
    validation_fraction: float = 0.0
    """Shares of each source's questions. Inferred: the paper states no split; 10 % is near 522 questions."""
    med_r1: Path | None = None
    """Folder of Med-R1's split files, to use their split instead of the fractions."""
    train: int | None = None
    validation: int | None = None
    test: int | None = None
    """Largest number of questions of each split, sampled; default: all."""
    seed: int = 0
    """Seed of the split and the sample."""
    variant: Literal["balanced", "confounded"] | None = None
    """`balanced`, as for the anatomy questions; `confounded`, in generated data alone: every distractor is a text that
    is never right."""

    def __post_init__(self) -> None:
        _check_variant(self.variant, ("balanced", "confounded"))
        _check_sizes(**self.sizes)
        test, validation = self.test_fraction, self.validation_fraction
        if not (test >= 0 and validation >= 0 and test + validation < 1):
            raise DataError(f"fractions {test} and {validation} leave nothing to train on. Fix: choose 0 to 0.5")

    @property
    def folder(self) -> Path:
        """OmniMedVQA's folder."""
        return self.questions or self.root / "OmniMedVQA"

    @property
    def sizes(self) -> dict[str, int]:
        """Split -> largest number of questions, where one is given."""
        sizes = {"train": self.train, "validation": self.validation, "test": self.test}
        return {split: size for split, size in sizes.items() if size is not None}


@dataclass(frozen=True, kw_only=True)
class ReleasedOptions(PrepareOptions):
    """Options of the authors' released training files."""

    files: Sequence[Path]
    """Released JSON files."""
    frames: Path
    """`CholecT45/data`, with the frames."""
    scene_graphs: Path | None = None
    """`SSG-VQA/scene_graph`, for rationales (the files have none). Without it, rationales come from the stem alone."""
    test_share: float = 0.0
    """Share of the questions to test on, video by video; the release itself states no test set. Default: all train."""
    test_videos: Sequence[str] = ()
    """Videos to test on, instead of a share."""
    seed: int = 0
    """Seed of the videos that `test_share` draws."""

    def __post_init__(self) -> None:
        if not 0 <= self.test_share < 1:
            raise DataError(f"test share {self.test_share:g} leaves nothing to train on. Fix: choose 0 to 0.5")
        if self.test_share and self.test_videos:
            raise DataError("the test side is named twice. Fix: give a share or videos, not both")
        if len({path.name for path in self.files}) != len(self.files):
            raise DataError("two of the files have the same name. Fix: rename one")


def _check_variant(variant: str | None, known: Sequence[str]) -> None:
    if variant is not None and variant not in known:
        raise DataError(f"variant: {variant!r} is unknown. Fix: use {' or '.join(known)}")


def _check_sizes(**sizes: int | None) -> None:
    for split, size in sizes.items():
        if size is not None and size < 0:
            raise DataError(f"{split}: {size} is below 0. Fix: ask for 0 or more questions")
