"""What the released files share with each other and with the official split."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from anatomy_r1.data.leakage.of_files import VIDEOS
from anatomy_r1.data.leakage.passport import passport, passport_of_videos
from reports.audit.finding import Check, Finding
from reports.audit.released import Released, meaning
from reports.formats.page import Grid


def check(files: Sequence[Released]) -> Check:
    """Frames and questions between files (should be the same), videos with official test sides (should be none)."""
    shared = [(a.name, b.name, *_shared(a, b)) for a, b in combinations(files, 2)]
    official = [(file.name, *_official(file, name)) for name in ("official", "official-validation") for file in files]
    leaks = [row for row in official if row[2]]
    between = tuple((a, b, *map(str, rest)) for a, b, *rest in shared)
    sides = tuple((name, side, str(videos), str(count)) for name, side, videos, count in official)
    return Check(
        id="released-overlap",
        title="Released files: shared frames and questions, and the official split",
        looked_at=f"{len(shared)} pairs of files; {len(files)} files against SSG-VQA's official test and validation "
        "videos",
        findings=(
            *([_different(shared)] if any(row[3] < row[4] for row in shared) else []),
            *([_leak(leaks)] if leaks else []),
        ),
        grids=(
            Grid(
                "Between files",
                ("first", "second", "shared frames", "shared questions", "questions in the smaller"),
                between,
                "A question by image and meaning, not wording.",
            ),
            Grid("Official split", ("file", "side", "videos in the file", "training records"), sides),
        ),
    )


def _shared(first: Released, second: Released) -> tuple[int, int, int]:
    """Frames and questions that both have, and questions of the smaller."""
    images = passport(first.questions, second.questions).overlaps["image"].shared
    one, other = ({meaning(question) for question in file.questions} for file in (first, second))
    return images, len(one & other), min(len(one), len(other))


def _official(file: Released, name: str) -> tuple[str, int, int]:
    title, videos = VIDEOS[name]
    overlap = passport_of_videos(file.questions, videos, (file.name, title)).overlaps["cluster"]
    return title, overlap.shared, overlap.train_questions


def _different(shared: Sequence[tuple[str, str, int, int, int]]) -> Finding:
    listed = "; ".join(
        f"{a} and {b}: {images} shared frames, {same} shared questions" for a, b, images, same, _ in shared
    )
    return Finding(
        id="released-overlap.questions",
        title="The methods' training files hold different questions",
        test="Questions by image and meaning (template family, target, relations), file against file.",
        figure=f"{listed}.",
        strength="counted",
        limits="That this made a difference: samples of one pool differ by chance alone. But a gain of one method over "
        "another is then also a gain of one sample of questions over another.",
        question="Were the methods of Table 1 trained on the same questions, or on these files?",
    )


def _leak(leaks: Sequence[tuple[str, str, int, int]]) -> Finding:
    listed = "; ".join(f"{name}: {count} records from {videos} of {side}" for name, side, videos, count in leaks)
    return Finding(
        id="released-overlap.official",
        title="Training records come from videos that the data set's official split holds out",
        test="Videos of the training records against SSG-VQA's official test and validation videos.",
        figure=f"{listed}.",
        strength="counted",
        limits="A leak in the paper's own results: it does not say which split it tested on, and seven videos stand "
        "in none of its training files.",
        question="Which videos are the test set from?",
    )
