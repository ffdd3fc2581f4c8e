"""A passport as text: a table with one row per kind of overlap, and a verdict as its last line."""

from __future__ import annotations

from anatomy_r1.data.leakage.passport import KINDS, LEAKS, Passport, Side
from anatomy_r1.tables.text import plain

TITLES: dict[str, str] = {
    "cluster": "video, slide or patient",
    "image": "image path",
    "near_duplicate": "near-duplicate images, other cluster",
    "near_duplicate_same_cluster": "near-duplicate images, same cluster",
    "question": "question text",
    "question_image": "question and image",
    "question_image_options": "question, image and options",
}
_WIDTH = max(map(len, TITLES.values()))


def as_text(found: Passport) -> str:
    """The table and the verdict, without a trailing newline."""
    lines = [_line(found, kind) for kind in KINDS]
    head = f"{'':{_WIDTH}}  {'shared':>8}  {'train questions':>15}  {'test questions':>14}"
    parts = [f"train: {_side(found.train)}", f"test:  {_side(found.test)}", head, *lines]
    if any(kind.startswith("near") for kind in found.overlaps):
        parts.append(f"near duplicates: {found.image_hash}; shared counts pairs")
    parts += [f"e.g. {TITLES[kind]}: {plain(found.overlaps[kind].examples[0])}" for kind in found.not_clean]
    return "\n".join([*parts, _verdict(found)])


def _verdict(found: Passport) -> str:
    if found.not_clean:
        return f"not clean: {'; '.join(TITLES[kind] for kind in found.not_clean)}"
    if unseen := [TITLES[kind] for kind in LEAKS if kind in found.not_computed]:
        return f"no leakage found; not computed: {'; '.join(unseen)}"
    return "clean: no leakage found"


def _line(found: Passport, kind: str) -> str:
    if kind not in found.overlaps:
        return f"{TITLES[kind]:{_WIDTH}}  not computed: {found.not_computed[kind]}"
    overlap = found.overlaps[kind]
    numbers = f"{overlap.shared:>8,}  {overlap.train_questions:>15,}  {_count(overlap.test_questions):>14}"
    return f"{TITLES[kind]:{_WIDTH}}  {numbers}"


def _side(side: Side) -> str:
    known = [(side.questions, "questions"), (side.clusters, "clusters"), (side.images, "images")]
    return f"{side.name} ({', '.join(f'{n:,} {what}' for n, what in known if n is not None)})"


def _count(value: int | None) -> str:
    return "not known" if value is None else f"{value:,}"
