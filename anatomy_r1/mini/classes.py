"""What the mini world is made of: names, colours, textures, and how they go together.

Everything here is our choice: the paper has no such world. What identifies an anatomy is its texture together with a
faint tint; its colour only hints at it, as colours do in the released questions.
"""

from __future__ import annotations

ANATOMIES = ("Liver", "Omentum", "Abdominal Wall Cavity", "Gallbladder", "Cystic Plate", "Gut")
"""The six anatomies that the authors' released questions use."""
TEXTURES = ("smooth", "granular", "striped", "glossy", "mottled", "folded")
"""One texture for each of `ANATOMIES`, in the same order."""
POSITIONS = (
    "top-left", "top-mid", "top-right", "mid-left", "center", "mid-right", "bottom-left", "bottom-mid", "bottom-right",
)  # fmt: skip
"""SSG-VQA's names for the cells of a 3x3 grid, row by row."""
COLORS: dict[str, tuple[int, int, int]] = {
    "red": (165, 62, 55),
    "brown": (105, 58, 42),
    "white": (205, 186, 172),
    "yellow": (205, 168, 88),
}
"""RGB of the colour words."""
COLOR_GIVEN_ANATOMY: dict[str, tuple[float, float, float, float]] = {
    "Liver": (0.10, 0.90, 0.0, 0.0),
    "Omentum": (0.0, 0.0, 0.15, 0.85),
    "Abdominal Wall Cavity": (0.75, 0.05, 0.20, 0.0),
    "Gallbladder": (0.10, 0.05, 0.60, 0.25),
    "Cystic Plate": (0.50, 0.0, 0.50, 0.0),
    "Gut": (0.40, 0.0, 0.35, 0.25),
}
"""Probability of each of `COLORS` for an anatomy."""
TINTS: dict[str, tuple[int, int, int]] = {
    "Liver": (-40, -28, -8),
    "Omentum": (12, 44, -48),
    "Abdominal Wall Cavity": (56, -20, 8),
    "Gallbladder": (-44, 36, 32),
    "Cystic Plate": (-12, -32, 56),
    "Gut": (40, 24, 28),
}
"""Added to the colour: texture alone is too slow to learn through a patch of 14 pixels."""
HOME: dict[str, tuple[float, float]] = {
    "Liver": (0.9, 1.2),
    "Omentum": (2.3, 1.5),
    "Abdominal Wall Cavity": (0.8, 1.6),
    "Gallbladder": (1.3, 1.6),
    "Cystic Plate": (1.5, 1.5),
    "Gut": (2.3, 1.6),
}
"""Where an anatomy usually lies: (row, column) in cells."""
TOOLS = ("grasper", "hook", "scissors")
TOOL_COLORS: dict[str, tuple[int, int, int]] = {"silver": (150, 155, 160), "white": (225, 228, 230)}

TISSUES = ("Cartilage", "Lymphoid Tissue", "Smooth Muscle", "Adipose Tissue", "Epithelium", "Colon Mucosa")
"""Microscopy: one tissue for each of `TEXTURES`, in the same order."""
DIAGNOSES = ("Normal Tissue", "Lymphoma", "Fibrosis", "Lipoma", "Adenocarcinoma", "Polyp")
"""Microscopy: one diagnosis for each of `TEXTURES`, in the same order."""
STAINS = ("Eosin", "Silver Stain", "Unstained", "Orange G")
"""Microscopy: one stain for each of `COLORS`, in the same order."""
MODALITIES = ("Microscopy", "MRI", "X-ray", "Ultrasound", "Endoscopy", "Mammography")
"""The first is always right."""
HEALTH = ("Normal", "Abnormal")
"""Options of the two-option records."""
HEALTHY_TEXTURES = frozenset({"smooth", "striped", "folded"})
MODALITY_TYPE = "Microscopy Images"
"""OmniMedVQA's `modality_type` of the records that the benchmark takes."""
QUESTION_TYPES = (
    "Anatomy Identification", "Disease Diagnosis", "Modality Recognition", "Other Biological Attributes",
)  # fmt: skip
"""OmniMedVQA's types that occur among its microscopy records."""
TYPE_SHARES = (0.36, 0.42, 0.16, 0.06)
"""Share of each type among OmniMedVQA's 5,680 microscopy records (2,036, 2,368, 930 and 346), rounded."""


def label(name: str) -> str:
    """The spelling in SSG-VQA's files: `Cystic Plate` is `cystic_plate`."""
    return name.lower().replace(" ", "_")


def texture_of(name: str) -> str:
    """Texture of an anatomy."""
    return TEXTURES[ANATOMIES.index(name)]
