"""The released records: are they consistent, repeated or contradictory, and shared between files?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations

from anatomy_r1.data.leakage.passport import passport, passport_of_videos
from anatomy_r1.data.leakage.sides import VIDEOS
from anatomy_r1.question import Question
from anatomy_r1.tables.table import prose_table
from reports.audit.finding import Check, Finding
from reports.audit.released import Released, meaning


def check_keys(files: Sequence[Released]) -> Check:
    """Keys, first characters of paths, and records that contradict themselves."""
    forms = {file.name: (_keys(file), _starts(file)) for file in files}
    bad = [problem for file in files for problem in file.skipped]
    rows = tuple(
        (file.name, f"{len(file.entries):,}", forms[file.name][0], forms[file.name][1], str(len(file.skipped)))
        for file in files
    )
    apart = len(set(forms.values())) > 1
    return Check(
        id="released-keys",
        title="Released files: keys, paths, consistent records",
        looked_at=f"{sum(len(file.entries) for file in files):,} records in {len(files)} files",
        findings=(*([_forms(forms)] if apart else []), *([_bad(bad)] if bad else [])),
        tables=(prose_table("Formats", ("file", "records", "keys", "paths begin with", "inconsistent records"), rows),),
    )


def _keys(file: Released) -> str:
    return "; ".join(sorted({", ".join(sorted(map(str, entry))) for entry in file.entries}))


def _starts(file: Released) -> str:
    starts = Counter(str(entry.get("images", ""))[:1] for entry in file.entries)
    return ", ".join(sorted("a blank" if start == " " else start or "nothing" for start in starts))


def _forms(forms: dict[str, tuple[str, str]]) -> Finding:
    listed = "; ".join(f"{name}: keys {keys}, paths begin with {start}" for name, (keys, start) in forms.items())
    return Finding(
        id="released-keys.forms",
        title="The released files do not share one format",
        test="Sets of keys, and the first character of image paths, file by file.",
        figure=f"{listed}.",
        strength="counted",
        limits="Any effect on results: a loader may have normalised it.",
        question="Which loader read these files?",
    )


def _bad(bad: Sequence[str]) -> Finding:
    return Finding(
        id="released-keys.unsound",
        title=f"{len(bad)} released records contradict themselves",
        test="Both prompts ask the same question; the letter is that of the answer; the answer is among the options.",
        figure=f"{'; '.join(bad[:3])}{'; ...' if len(bad) > 3 else ''}.",
        strength="counted",
        limits="Whether they were trained on.",
        question="What should these records say?",
    )


def repeated(questions: Iterable[Question]) -> int:
    """Records beyond the first of each image and stem."""
    known = [(question.image, question.stem) for question in questions]
    return len(known) - len(set(known))


def conflicting(questions: Iterable[Question]) -> list[tuple[str, str]]:
    """Pairs of image and stem with more than one gold answer, sorted."""
    answers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for question in questions:
        answers[question.image, question.stem].add(question.answer)
    return sorted(key for key, found in answers.items() if len(found) > 1)


def check_gold(files: Sequence[Released]) -> Check:
    """Repeats and conflicts within each file and over all."""
    twice = {file.name: repeated(file.questions) for file in files}
    within = {file.name: conflicting(file.questions) for file in files}
    all_ = conflicting(question for file in files for question in file.questions)
    rows = tuple((file.name, str(twice[file.name]), str(len(within[file.name]))) for file in files)
    return Check(
        id="released-gold",
        title="Released files: repeated questions and conflicting gold answers",
        looked_at=f"{sum(len(file.records) for file in files):,} records by image and question",
        findings=(
            *([_repeats(twice)] if any(twice.values()) else []),
            *([_conflicts(all_, within)] if all_ else []),
        ),
        tables=(prose_table("By file", ("file", "repeated records", "questions with several gold answers"), rows),),
    )


def _repeats(twice: dict[str, int]) -> Finding:
    listed = ", ".join(f"{count} in {name}" for name, count in twice.items() if count)
    return Finding(
        id="released-gold.repeated",
        title="Some questions appear twice in one file",
        test="Records with the image and the question of an earlier one.",
        figure=f"{listed}.",
        strength="counted",
        limits="Any effect: so few matter little.",
        question="Are these meant to count twice?",
    )


def _conflicts(found: Sequence[tuple[str, str]], within: dict[str, list[tuple[str, str]]]) -> Finding:
    inside = ", ".join(f"{len(keys)} within {name}" for name, keys in within.items() if keys) or "none within a file"
    return Finding(
        id="released-gold.conflict",
        title=f"{len(found)} question{'s have' if len(found) > 1 else ' has'} more than one gold answer",
        test="The same image and question with different gold answers, within a file or across files.",
        figure=f"{len(found)} pairs of image and question, {inside}.",
        strength="counted",
        limits="How often several options are right for a question that appears only once: that needs the scene "
        "graphs. Several structures can be at one place, so neither answer need be wrong.",
        question="Were other right options kept out of the distractors?",
    )


def check_overlap(files: Sequence[Released]) -> Check:
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
        tables=(
            prose_table(
                "Between files",
                ("first", "second", "shared frames", "shared questions", "questions in the smaller"),
                between,
                "Questions are matched by image and meaning, not by wording.",
            ),
            prose_table("Official split", ("file", "side", "videos in the file", "training records"), sides),
        ),
    )


def _shared(first: Released, second: Released) -> tuple[int, int, int]:
    """Number of shared frames, of shared questions, and of questions in the smaller file."""
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
        title="The methods' training files contain different questions",
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
        limits="A leak in the paper's own results: it does not say which split it tested on, and seven videos are "
        "in none of its training files.",
        question="Which videos does the test set come from?",
    )
