"""Keys and paths of the released records: are the three files of one form, and every record sound?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reports.audit.finding import Check, Finding
from reports.audit.released import Released
from reports.formats.page import Grid


def check(files: Sequence[Released]) -> Check:
    """Keys, beginnings of paths, and records whose parts contradict each other."""
    forms = {file.name: (_keys(file), _starts(file)) for file in files}
    bad = [problem for file in files for problem in file.skipped]
    rows = tuple(
        (file.name, f"{len(file.entries):,}", forms[file.name][0], forms[file.name][1], str(len(file.skipped)))
        for file in files
    )
    apart = len(set(forms.values())) > 1
    return Check(
        id="released-keys",
        title="Released files: keys, paths, sound records",
        looked_at=f"{sum(len(file.entries) for file in files):,} records in {len(files)} files",
        findings=(*([_forms(forms)] if apart else []), *([_bad(bad)] if bad else [])),
        grids=(Grid("Forms", ("file", "records", "keys", "paths begin with", "unsound records"), rows),),
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
        title="The released files are not of one form",
        test="Sets of keys, and the first character of image paths, file by file.",
        figure=f"{listed}.",
        strength="counted",
        limits="Any effect on results: a loader may well have evened it out.",
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
