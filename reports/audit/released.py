"""The authors' released files, and what counting shows: are they consistent, alike, and do they hold what they should?

GDQA's file should have changed images, and several wordings of one question.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from anatomy_r1.data.inputs import Exclusions
from anatomy_r1.data.leakage.passport import passport, passport_of_videos
from anatomy_r1.data.leakage.sides import VIDEOS
from anatomy_r1.data.prepare.released import ReleasedRecord, read_released
from anatomy_r1.data.stems import parse_stem
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.question import Question
from anatomy_r1.tables.table import Table, prose_table
from reports.audit.report import Check, Finding

NAMES = ("GRPO.json", "GRPO-GDQA.json", "GRPO-ASC-Learning.json")
GDQA, ASC = NAMES[1], NAMES[2]
SKIPPED = "the released files were not given (--released DIR, with " + ", ".join(NAMES) + ")"
TITLES = {
    "released-keys": "Released files: keys, paths, consistent records",
    "released-gold": "Released files: repeated questions and conflicting gold answers",
    "released-overlap": "Released files: shared frames and questions, and the official split",
    "released-templates": "Released files: template families and surface forms",
    "released-prompts": "Released files: wording of the prompts",
    "released-distractors": "Released files: are distractors drawn uniformly?",
    "released-order": "Released files: is the curriculum's file in order of difficulty?",
    "released-colour": "Released files: does a colour in the question give the answer away?",
    "released-text": "Released files: how far does a guess without the image get?",
    "released-augmentation": "Released files: are the augmented images and questions included?",
}
"""Id of a check -> its title."""
LEAST = 10
"""Fewest questions with a colour for it to count (our choice)."""
_FRAME = re.compile(r"VID\d{2}/\d{6}\.png")


@dataclass(frozen=True, eq=False)
class Released:
    """One file."""

    name: str
    entries: Sequence[Mapping[str, Any]]
    """As released, unparsed."""
    records: tuple[ReleasedRecord, ...]
    """Sound ones, in order."""
    skipped: tuple[str, ...]
    """`file:position: problem` of the others."""

    @property
    def questions(self) -> tuple[Question, ...]:
        """Of the sound records."""
        return tuple(record.question for record in self.records)


def load(folder: Path) -> tuple[Released, ...]:
    """The files of `NAMES` that are in the folder."""
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if not found:
        raise AnatomyR1Error(f"{folder}: none of {', '.join(NAMES)} in it. Fix: name the folder that has them")
    return tuple(_file(path) for path in found)


def _file(path: Path) -> Released:
    data, exclusions = path.read_bytes(), Exclusions(skip_bad=True)
    sound = tuple(read_released(data, path.name, exclusions))
    if not sound:
        raise AnatomyR1Error(f"{path}: no released record in it. Fix: fetch the file again")
    entries = [entry for entry in json.loads(data) if isinstance(entry, Mapping)]
    return Released(path.name, entries, sound, tuple(exclusions.skipped))


def check_of(name: str, looked_at: str, findings: Iterable[Finding], *tables: Table) -> Check:
    """A check of the released files, by its id."""
    return Check(name, TITLES[name], looked_at, tuple(findings), tables)


def check_keys(files: Sequence[Released]) -> Check:
    """Keys, first characters of paths, and records that contradict themselves."""
    forms = {file.name: (_keys(file), _starts(file)) for file in files}
    bad = [problem for file in files for problem in file.skipped]
    findings = []
    if len(set(forms.values())) > 1:
        listed = "; ".join(f"{name}: keys {keys}, paths begin with {start}" for name, (keys, start) in forms.items())
        apart = Finding(
            id="released-keys.forms",
            title="The released files do not share one format",
            test="Sets of keys, and the first character of image paths, file by file.",
            figure=f"{listed}.",
            strength="counted",
            limits="Any effect on results: a loader may have normalised it.",
            question="Which loader read these files?",
        )
        findings.append(apart)
    if bad:
        unsound = Finding(
            id="released-keys.unsound",
            title=f"{len(bad)} released records contradict themselves",
            test="Both prompts ask the same question; the letter is that of the answer; the answer is among the "
            "options.",
            figure=f"{'; '.join(bad[:3])}{'; ...' if len(bad) > 3 else ''}.",
            strength="counted",
            limits="Whether they were trained on.",
            question="What should these records say?",
        )
        findings.append(unsound)
    rows = ((file.name, f"{len(file.entries):,}", *forms[file.name], str(len(file.skipped))) for file in files)
    head = ("file", "records", "keys", "paths begin with", "inconsistent records")
    examined = f"{sum(len(file.entries) for file in files):,} records in {len(files)} files"
    return check_of("released-keys", examined, findings, prose_table("Formats", head, rows))


def _keys(file: Released) -> str:
    return "; ".join(sorted({", ".join(sorted(map(str, entry))) for entry in file.entries}))


def _starts(file: Released) -> str:
    starts = {str(entry.get("images", ""))[:1] for entry in file.entries}
    return ", ".join(sorted("a blank" if start == " " else start or "nothing" for start in starts))


def check_gold(files: Sequence[Released]) -> Check:
    """Repeats and conflicts within each file and over all."""
    twice = {file.name: len(file.records) - len(_answers(file.questions)) for file in files}
    within = {file.name: _conflicts(file.questions) for file in files}
    conflicts = _conflicts(question for file in files for question in file.questions)
    findings = []
    if any(twice.values()):
        repeated = Finding(
            id="released-gold.repeated",
            title="Some questions appear twice in one file",
            test="Records with the image and the question of an earlier one.",
            figure=f"{', '.join(f'{count} in {name}' for name, count in twice.items() if count)}.",
            strength="counted",
            limits="Any effect: so few matter little.",
            question="Are these meant to count twice?",
        )
        findings.append(repeated)
    if conflicts:
        inside = ", ".join(f"{count} within {name}" for name, count in within.items() if count)
        conflict = Finding(
            id="released-gold.conflict",
            title=f"{conflicts} question{'s have' if conflicts > 1 else ' has'} more than one gold answer",
            test="The same image and question with different gold answers, within a file or across files.",
            figure=f"{conflicts} pairs of image and question, {inside or 'none within a file'}.",
            strength="counted",
            limits="How often several options are right for a question that appears only once: that needs the scene "
            "graphs. Several structures can be at one place, so neither answer need be wrong.",
            question="Were other right options kept out of the distractors?",
        )
        findings.append(conflict)
    rows = ((name, str(twice[name]), str(within[name])) for name in twice)
    table = prose_table("By file", ("file", "repeated records", "questions with several gold answers"), rows)
    examined = f"{sum(len(file.records) for file in files):,} records by image and question"
    return check_of("released-gold", examined, findings, table)


def _answers(questions: Iterable[Question]) -> dict[tuple[str, str], set[str]]:
    """Gold answers by image and stem."""
    answers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for question in questions:
        answers[question.image, question.stem].add(question.answer)
    return answers


def _conflicts(questions: Iterable[Question]) -> int:
    """Pairs of image and stem with more than one gold answer."""
    return sum(len(found) > 1 for found in _answers(questions).values())


def check_overlap(files: Sequence[Released]) -> Check:
    """Frames and questions between files (should be the same), videos with official test sides (should be none)."""
    shared = [(a.name, b.name, *_shared(a, b)) for a, b in combinations(files, 2)]
    official = [(file.name, *_official(file, name)) for name in ("official", "official-validation") for file in files]
    findings = []
    if any(same < smaller for *_, same, smaller in shared):
        listed = (f"{a} and {b}: {images} shared frames, {same} shared questions" for a, b, images, same, _ in shared)
        different = Finding(
            id="released-overlap.questions",
            title="The methods' training files contain different questions",
            test="Questions by image and meaning (template family, target, relations), file against file.",
            figure=f"{'; '.join(listed)}.",
            strength="counted",
            limits="That this made a difference: samples of one pool differ by chance alone. But a gain of one method "
            "over another is then also a gain of one sample of questions over another.",
            question="Were the methods of Table 1 trained on the same questions, or on these files?",
        )
        findings.append(different)
    if leaks := [f"{name}: {count} records from {n} of {side}" for name, side, n, count in official if n]:
        leak = Finding(
            id="released-overlap.official",
            title="Training records come from videos that the data set's official split holds out",
            test="Videos of the training records against SSG-VQA's official test and validation videos.",
            figure=f"{'; '.join(leaks)}.",
            strength="counted",
            limits="A leak in the paper's own results: it does not say which split it tested on, and seven videos are "
            "in none of its training files.",
            question="Which videos does the test set come from?",
        )
        findings.append(leak)
    head = ("first", "second", "shared frames", "shared questions", "questions in the smaller")
    note = "Questions are matched by image and meaning, not by wording."
    return check_of(
        "released-overlap",
        f"{len(shared)} pairs of files; {len(files)} files against SSG-VQA's official test and validation videos",
        findings,
        prose_table("Between files", head, (tuple(map(str, row)) for row in shared), note),
        prose_table(
            "Official split",
            ("file", "side", "videos in the file", "training records"),
            (tuple(map(str, row)) for row in official),
        ),
    )


def _shared(first: Released, second: Released) -> tuple[int, int, int]:
    """Number of shared frames, of shared questions, and of questions in the smaller file."""
    images = passport(first.questions, second.questions).overlaps["image"].shared
    one, other = (set(_wordings(file.questions)) for file in (first, second))
    return images, len(one & other), min(len(one), len(other))


def _official(file: Released, name: str) -> tuple[str, int, int]:
    title, videos = VIDEOS[name]
    overlap = passport_of_videos(file.questions, videos, (file.name, title)).overlaps["cluster"]
    return title, overlap.shared, overlap.train_questions


def _wordings(questions: Iterable[Question]) -> dict[tuple[object, ...], set[str]]:
    """Stems by image, family, target and relations: what is asked, whatever its wording.

    A stem that the grammar does not cover is its own meaning.
    """
    wordings: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for question in questions:
        stem = parse_stem(question.stem)
        asked = (question.stem,) if stem.family == "other" else (stem.target, stem.relations)
        wordings[question.image, stem.family, *asked].add(question.stem)
    return wordings


def check_prompts(files: Sequence[Released]) -> Check:
    """Do all files use the same prompt wordings?"""
    wordings = {file.name: Counter(record.wording for record in file.records) for file in files}
    rows = [(name, ", ".join(f"{key} {count:,}" for key, count in sorted(of.items()))) for name, of in wordings.items()]
    finding = Finding(
        id="released-prompts.differ",
        title="The methods' prompts differ",
        test="Each prompt rebuilt from the wordings in the release (anatomy_r1/prompts.py), by file.",
        figure="; ".join(f"{name}: {text}" for name, text in rows) + ". (choice: asks for the letter; answer: for the "
        "answer; mixed: for the letter in the instruction, for the answer in the form.)",
        strength="counted",
        limits="How much of a gain is due to the prompt: a prompt that matches the reward may do much or nothing.",
        question="Were the methods of Table 1 trained with these different prompts, and tested with one?",
    )
    apart = len(set(map(frozenset, wordings.values()))) > 1
    table = prose_table("Wordings", ("file", "wording and records"), rows)
    return check_of("released-prompts", f"{len(files)} files", [finding] if apart else [], table)


def check_colour(files: Sequence[Released]) -> Check:
    """Answers by the colour of the object asked for, over all files together."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for file in files:
        for question in file.questions:
            if colour := parse_stem(question.stem).target.colour:
                counts[colour][question.answer] += 1
    found = dict(sorted(counts.items()))
    asked = sum(of.total() for of in found.values())
    fixed = {c: of for c, of in found.items() if len(of) == 1 and of.total() >= LEAST}
    findings = []
    if fixed:
        listed = ", ".join(f"{c} is {next(iter(of))} in {of.total()} of {of.total()}" for c, of in fixed.items())
        finding = Finding(
            id="released-colour.fixed",
            title="A colour in the question fixes the answer",
            test="Questions that name the colour of the thing asked for: answers by colour.",
            figure=f"{listed}; {sum(of.total() for of in fixed.values())} of {asked} questions with a colour.",
            strength="counted",
            limits="That a policy learnt it. The colours are the data set's labels, not what is seen in a frame.",
            question="How do the methods compare on questions without a colour?",
        )
        findings.append(finding)
    rows = ((c, ", ".join(f"{name} {count}" for name, count in of.most_common())) for c, of in found.items())
    table = prose_table("Answers by colour", ("colour", "answers"), rows)
    examined = f"{asked:,} questions that name the colour of what they ask for"
    return check_of("released-colour", examined, findings, table)


def check_augmentation(files: Sequence[Released]) -> Check:
    """Changed images and rewritten questions in the GDQA file."""
    name = "released-augmentation"
    file = next((file for file in files if file.name == GDQA), None)
    if file is None:
        return Check(name, TITLES[name], "the GDQA file", skipped=f"{GDQA} is not among the files")
    images = sum(not _FRAME.fullmatch(question.image) for question in file.questions)
    wordings = sum(len(stems) > 1 for stems in _wordings(file.questions).values())
    found = {"changed images": images, "questions in several wordings": wordings}
    lacking = [what for what, count in found.items() if not count]
    finding = Finding(
        id="released-augmentation.absent",
        title=f"The GDQA file contains no {' and no '.join(lacking)}",
        test="Image paths that are not plain frames; questions of one image and meaning in several wordings.",
        figure=f"{images} changed images and {wordings} questions in several wordings among {len(file.records):,} "
        "records.",
        strength="counted",
        limits="That training did without them: both can be made during training. A change under the frame's own "
        "name does not show in a path, and no images were released.",
        question="Which code makes the rewritten questions and changed images, and with what settings?",
    )
    table = prose_table("Augmentation", ("file", *found), [(file.name, *map(str, found.values()))])
    return check_of(name, f"{len(file.records):,} records of {file.name}", [finding] if lacking else [], table)
