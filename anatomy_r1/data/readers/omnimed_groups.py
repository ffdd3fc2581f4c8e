"""Which slide, patient or picture a microscopy image of OmniMedVQA comes from, as far as its file name tells.

Images of one slide or patient must not stand on both sides of a split. What a name means is documented for BreakHis
and the NLM malaria data; for the others it is a GUESS from the names, always on the coarse side: too large a group
costs variety, too small a one leaks.

Example:
    >>> group("BreakHis", "Images/BreakHis/malignant/SOB_M_DC-14-2523-40-010.png")
    Group(name='BreakHis/14-2523', unit='patient')
    >>> group("CRC100k", "Images/CRC100k/LYM/LYM-AASHWNIT.tif").unit
    'image'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

Unit = Literal["patient", "slide", "picture", "image"]


@dataclass(frozen=True, slots=True)
class Group:
    """A unit of independence."""

    name: str
    """`<dataset>/<key>`; for an image, its path."""
    unit: Unit
    """What it is; `image` when the name reveals nothing more."""


@dataclass(frozen=True, slots=True)
class NameRule:
    """How a source names its files."""

    pattern: str
    """Searched in `<folder>/<stem>`; its groups, joined by `/`, are the key."""
    unit: Unit
    certain: bool
    """Whether the source documents the naming; otherwise it is a guess."""
    reason: str


RULES: dict[str, NameRule] = {
    "BreakHis": NameRule(
        # Letters after the case number (22549AB, 22549CD) tell blocks of one case apart (a guess, hence left out here).
        r"/SOB_[BM]_[A-Z]+-(\d\d-\d+)[A-Z]*-\d+-\d+$",
        "patient",
        True,
        "SOB_<class>_<type>-<year>-<slide>-<magnification>-<number>; one slide a patient, also if filed in two types",
    ),
    "NLM- Malaria Data": NameRule(
        r"/(C\d+)", "patient", True, "C<number>[P<number>]ThinF_...: the patient's slide, then date and cell"
    ),
    "MAlig Lymph": NameRule(r"/(sj-\d+-\d+)", "slide", False, "sj-<year>-<case>[-R<region>]_<field>"),
    "BioMediTech": NameRule(
        r"/(\d+_\d+)_\d+_\d+_\d+$", "picture", False, "<culture>_<picture>_<crop>_<class>_1: crops of one picture"
    ),
    "Blood Cell": NameRule(
        r"([^/]+)/_(\d+)_\d+$", "picture", False, "_<picture>_<random>: augmented copies of one picture of a class"
    ),
    "MHSMA": NameRule(r"/((?:train|test|val)\w*_\d+)$", "picture", False, "test_1.jpg and test_1.png: one picture"),
}


def group(dataset: str, image: str) -> Group:
    """Group of an image, given the name of its source and its path."""
    path = PurePosixPath(image)
    rule = RULES.get(dataset)
    found = re.search(rule.pattern, f"{path.parent.name}/{path.stem}") if rule else None
    if rule is None or found is None:
        return Group(image, "image")
    return Group(f"{dataset}/{'/'.join(found.groups())}", rule.unit)


def describe() -> dict[str, str]:
    """For the manifest: what each source is grouped by, guesses labelled."""
    return {
        dataset: f"{rule.unit}{'' if rule.certain else ' (a guess)'}: {rule.reason}" for dataset, rule in RULES.items()
    }
