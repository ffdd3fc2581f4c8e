"""What the image paths of OmniMedVQA's records say: which file is meant, and the patient, slide or picture behind it.

Records state paths in several spellings: `Images/BreakHis/...`, `images/...`, `BreakHis/...`, `OmniMedVQA/Images/...`,
with backslashes or blanks around them. `ImageFinder` looks for all that a path can mean, and takes it where that is one
file.

A record's group is the patient, slide or picture that its image comes from, as far as the file name tells. Images of
one group must not be in two splits. The source is known by the folder below `Images`, or else by the record's
`dataset`, whatever the case and the punctuation of either. The names are documented for BreakHis and the NLM malaria
data; for the other sources their meaning is a GUESS, always on the coarse side: a group too large costs variety, one
too small leaks.

Example:
    >>> image_group("breakhis", "Images/BreakHis/malignant/SOB_M_DC-14-2523-40-010.png")
    ImageGroup(name='BreakHis/14-2523', unit='patient')
    >>> image_group("CRC100k", "Images/CRC100k/LYM/LYM-AASHWNIT.tif").unit
    'image'
    >>> readings("OmniMedVQA/images/BreakHis/benign/a.png")
    ('Images/BreakHis/benign/a.png',)
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

Unit = Literal["patient", "slide", "picture", "image"]
_ROOTS = frozenset({"omnimedvqa", "omnimed"})
"""Names, in lower case, that the folder above `Images` goes by; some paths begin with it."""
_SHORTEST = 6
"""Fewest characters by which the beginning of a source's name stands for it (our choice): `NLM-Malaria`."""


@dataclass(frozen=True, slots=True)
class ImageGroup:
    """Images that belong together: the unit of independence for splits and intervals."""

    name: str
    """`<source>/<key>`; for a single image, its path."""
    unit: Unit
    """What the group is; `image` when the file name tells no more."""


@dataclass(frozen=True, slots=True)
class NameRule:
    """How a source names its image files."""

    pattern: str
    """Searched in `<folder>/<stem>`; its groups, joined by `/`, are the key."""
    unit: Unit
    certain: bool
    """Whether the source documents the naming; otherwise it is a guess."""
    reason: str
    case: Literal["upper", "lower", ""] = ""
    """Case of the letters in a key, as the source writes them; empty if keys have none."""


RULES: dict[str, NameRule] = {
    "BreakHis": NameRule(
        # Letters after the case number (22549AB, 22549CD) tell blocks of one case apart (a guess, hence left out here).
        r"/SOB_[BM]_[A-Z]+-(\d\d-\d+)[A-Z]*-\d+-\d+$",
        "patient",
        True,
        "SOB_<class>_<type>-<year>-<slide>-<magnification>-<number>; one slide a patient, also if filed in two types",
    ),
    "NLM- Malaria Data": NameRule(
        r"/(C\d+)",
        "patient",
        True,
        "C<number>[P<number>]ThinF_...: the patient's slide, then date and cell",
        "upper",
    ),
    "MAlig Lymph": NameRule(r"/(sj-\d+-\d+)", "slide", False, "sj-<year>-<case>[-R<region>]_<field>", "lower"),
    "BioMediTech": NameRule(
        r"/(\d+_\d+)_\d+_\d+_\d+$", "picture", False, "<culture>_<picture>_<crop>_<class>_1: crops of one picture"
    ),
    "Blood Cell": NameRule(
        r"([^/]+)/_(\d+)_\d+$",
        "picture",
        False,
        "_<picture>_<random>: augmented copies of one picture of a class",
        "upper",
    ),
    "MHSMA": NameRule(
        r"/((?:train|test|val)\w*_\d+)$", "picture", False, "test_1.jpg and test_1.png: one picture", "lower"
    ),
}
"""Source -> how it names its files. Case does not matter."""


def _plain(name: str) -> str:
    """A name without case, blanks and punctuation."""
    return "".join(filter(str.isalnum, name.casefold()))


_SOURCES = {_plain(name): name for name in RULES}


@lru_cache(maxsize=4096)
def _source(name: str) -> str:
    """The source that a name stands for, such as `BreaKHis_v1`; empty if it is unknown."""
    plain = _plain(name)
    begun = len(plain) >= _SHORTEST
    return next((_SOURCES[key] for key in _SOURCES if plain.startswith(key) or (begun and key.startswith(plain))), "")


def folder_source(image: str) -> str:
    """The source that a folder of the path names; empty if none is known."""
    return next(filter(None, map(_source, PurePosixPath(image).parts[:-1])), "")


def source_name(dataset: str, image: str) -> str:
    """The source of an image, by a folder of its path, else by the record's `dataset`; as stated if it is unknown."""
    return folder_source(image) or _source(dataset) or dataset


def image_group(dataset: str, image: str) -> ImageGroup:
    """Group of an image, from the record's `dataset` and the image's path."""
    source, path = source_name(dataset, image), PurePosixPath(image)
    rule = RULES.get(source)
    found = re.search(rule.pattern, f"{path.parent.name}/{path.stem}", re.IGNORECASE) if rule else None
    if rule is None or found is None:
        return ImageGroup(image, "image")
    key = "/".join(found.groups())
    return ImageGroup(f"{source}/{getattr(key, rule.case)() if rule.case else key}", rule.unit)


def doubt(dataset: str, image: str) -> str:
    """What is doubtful about an image's group, for a warning; empty if nothing is."""
    folder, rule = folder_source(image), RULES.get(source_name(dataset, image))
    if folder and _source(dataset) != folder:
        return f"dataset {dataset!r} in the folder of {folder}: grouped as {folder}"
    if rule and image_group(dataset, image).unit == "image":
        return f"file name of {source_name(dataset, image)} without its {rule.unit}: grouped by image"
    return ""


def readings(stated: str) -> tuple[str, ...]:
    """Paths `Images/...` that a normalized path can mean, the likeliest first."""
    parts = PurePosixPath(stated).parts
    while len(parts) > 1 and _plain(parts[0]) in _ROOTS:
        parts = parts[1:]
    named = [number for number, part in enumerate(parts[:-1]) if part.casefold() == "images"]
    ends = [parts[number + 1 :] for number in named]
    inner = ends if 0 in named else [parts, *ends]
    return tuple("/".join(("Images", *one)) for one in inner)


def images_folder(root: Path) -> Path:
    """The folder `Images` of OmniMedVQA, whatever its case."""
    usual = root / "Images"
    if usual.is_dir() or not root.is_dir():
        return usual
    return next((one for one in sorted(root.iterdir()) if one.is_dir() and one.name.casefold() == "images"), usual)


@dataclass(slots=True)
class ImageFinder:
    """Finds the files that paths mean, below the folder of OmniMedVQA."""

    root: Path
    _names: dict[Path, dict[str, list[str]]] = field(default_factory=dict)
    """Folder -> its entries by their name without case; each folder is listed once."""

    def find(self, stated: str) -> tuple[str, ...]:
        """The files that a path can mean: itself if it is there, else all that differ in spelling; none if missing."""
        found = tuple(dict.fromkeys(name for one in readings(stated) for name in self._spelled(one)))
        return (stated,) if stated in found else found

    def _spelled(self, path: str) -> list[str]:
        """Existing files whose path is `path` but for case and Unicode form."""
        found = [""]
        for part in path.split("/"):
            found = [f"{above}{name}/" for above in found for name in self._entries(above).get(_key(part), ())]
        return [name.rstrip("/") for name in found if (self.root / name.rstrip("/")).is_file()]

    def _entries(self, below: str) -> dict[str, list[str]]:
        folder = self.root / below
        if folder not in self._names:
            listed: dict[str, list[str]] = defaultdict(list)
            for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
                listed[_key(entry.name)].append(entry.name)
            self._names[folder] = dict(listed)
        return self._names[folder]


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
