"""Labels of SSG-VQA: anatomies, instruments, colours and positions, and how the release displays a label.

Example:
    >>> display("abdominal_wall_cavity")
    'Abdominal Wall Cavity'
"""

from __future__ import annotations

# The anatomies among SSG-VQA's 51 labels.
ANATOMIES = (
    "abdominal_wall_cavity",
    "blood_vessel",
    "cystic_artery",
    "cystic_duct",
    "cystic_pedicle",
    "cystic_plate",
    "gallbladder",
    "gut",
    "liver",
    "omentum",
    "peritoneum",
)
# The six that the authors' release uses, in all 3,000 records (as answer and as option).
SIX = ("abdominal_wall_cavity", "cystic_plate", "gallbladder", "gut", "liver", "omentum")
# The other labels among the 51 that name an object in the frame; they occur as answers of query_component.
NOT_ANATOMIES = (
    "adhesion",
    "bipolar",
    "clipper",
    "fluid",
    "grasper",
    "hook",
    "irrigator",
    "scissors",
    "specimen_bag",
    "specimenbag",
)
COMPONENTS = frozenset(ANATOMIES + NOT_ANATOMIES)
COLOURS = ("blue", "brown", "red", "silver", "white", "yellow")  # the colours among the 51 labels
PLACES = (
    "top-left",
    "top-mid",
    "top-right",
    "mid-left",
    "center",
    "mid-right",
    "bottom-left",
    "bottom-mid",
    "bottom-right",
    "None",  # occurs: 2 of the 3,000 released stems ask "at the None of the frame"
)
# Colour that stems give a structure. Inferred: read off the 3,000 released stems ("the red gut anatomy"), where every
# label has a single colour. Real scene graphs need not state a colour; generated ones do, and theirs is used.
COLOUR_OF = {
    "abdominal_wall_cavity": "red",
    "bipolar": "blue",
    "clipper": "silver",
    "cystic_duct": "red",
    "cystic_plate": "red",
    "gallbladder": "white",
    "grasper": "silver",
    "gut": "red",
    "hook": "white",
    "irrigator": "silver",
    "liver": "brown",
    "omentum": "yellow",
    "scissors": "silver",
    "specimenbag": "white",
}


def label(shown: str) -> str:
    """Inverse of `display`."""
    return "_".join(shown.lower().split())


def display(label: str) -> str:
    """A label as an option in the release."""
    return " ".join(word.capitalize() for word in label.split("_"))
