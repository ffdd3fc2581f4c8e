"""Rewrites that something else has written, such as a language model, held to the same acceptance check.

The file is JSON (a list of records) or JSON Lines (a record a line). A record is `{"stem": the question as the
benchmark words it, "rewrites": [other wordings]}`; other keys are ignored.

Example:
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "rewrites.jsonl"
    >>> _ = path.write_text('{"stem": "What is the red anatomy?", "rewrites": ["Name the red anatomy.", "Is it red?"]}')
    >>> found = RewriteFile.load(path)
    >>> found.accepted["What is the red anatomy?"], found.report.rejected[0].reason
    (('Name the red anatomy.',), 'it is outside the grammar of questions about a scene')
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anatomy_r1.augmentation.rewrites import MOST_CHARACTERS, reason_against
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.question import Question

MOST_BYTES = 256 * 2**20
"""Largest file that is read (our choice): 10,000 stems with 30 wordings take some 40 MB."""
_SHOWN = 5
_FORMAT = 'write {"stem": "...", "rewrites": ["...", ...]}'


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rewrite that is not used."""

    where: str
    """`file:line`, or `file:record` for a JSON list; from 1."""
    stem: str
    rewrite: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file's rewrites."""

    accepted: int
    rejected: tuple[Rejection, ...]

    def counts(self) -> dict[str, int]:
        """Number of rejections by reason, most frequent first."""
        return dict(Counter(rejection.reason for rejection in self.rejected).most_common())


@dataclass(frozen=True, slots=True)
class RewriteFile:
    """Accepted rewrites of a file, and the report on the others."""

    accepted: Mapping[str, tuple[str, ...]]
    """Stem -> its other wordings, in the file's order."""
    report: Report

    @classmethod
    def load(cls, path: Path) -> RewriteFile:
        """Read a file and check every rewrite in it.

        Raises:
            AnatomyR1Error: when the file cannot be read or a record has another shape; all are named up to five.
        """
        accepted: dict[str, list[str]] = {}
        rejected = []
        for record in _records(path):
            known = accepted.setdefault(record.stem, [])
            for form in record.rewrites:
                reason = "it repeats the stem or another wording" if form in (record.stem, *known) else ""
                if reason := reason or reason_against(record.stem, form):
                    rejected.append(Rejection(record.where, record.stem, form, reason))
                else:
                    known.append(form)
        kept = {stem: tuple(forms) for stem, forms in accepted.items() if forms}
        return cls(MappingProxyType(kept), Report(sum(map(len, kept.values())), tuple(rejected)))

    def rewrites(self, question: Question) -> tuple[str, ...]:
        """The file's wordings of a question; empty when it has none."""
        return self.accepted.get(question.stem, ())


@dataclass(frozen=True, slots=True)
class _Record:
    where: str
    stem: str
    rewrites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Broken:
    """Stands where a record could not be parsed."""

    problem: str


def _records(path: Path) -> list[_Record]:
    found, problems = [], []
    for where, entry in _entries(path):
        if problem := _problem(entry):
            problems.append(f"{where}: {problem}")
        else:
            found.append(_Record(where, entry["stem"], tuple(entry["rewrites"])))
    if problems:
        more = f"\n... and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise AnatomyR1Error("\n".join(problems[:_SHOWN]) + more + f"\nCure: {_FORMAT} for each")
    return found


def _problem(entry: Any) -> str:
    """What is wrong with a record; empty when nothing is."""
    if isinstance(entry, _Broken):
        return entry.problem
    if not isinstance(entry, Mapping):
        return f"a record is an object, not {type(entry).__name__}"
    if not isinstance(entry.get("stem"), str) or not entry["stem"].strip():
        return "`stem` is missing, empty or no text"
    if len(entry["stem"]) > MOST_CHARACTERS:
        return f"`stem` is longer than {MOST_CHARACTERS} characters"
    forms = entry.get("rewrites")
    if not isinstance(forms, list) or not all(isinstance(form, str) for form in forms):
        return "`rewrites` is missing or no list of texts"
    return ""


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    """Where and what of each record."""
    text = _text(path)
    if text.lstrip().startswith("["):
        whole = _parsed(text)
        records = whole if isinstance(whole, list) else [whole]
        yield from ((f"{path.name}:{position}", record) for position, record in enumerate(records, 1))
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"{path.name}:{number}", _parsed(line)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        return _Broken(f"no valid JSON ({error})")
    except RecursionError:
        return _Broken("no valid JSON (nested too deeply)")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise AnatomyR1Error(f"{path}: larger than {MOST_BYTES // 2**20} MiB. Cure: split the file")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AnatomyR1Error(
            f"{path}: cannot be read ({error.strerror}). Cure: check the path and its rights"
        ) from error
    except UnicodeDecodeError as error:
        raise AnatomyR1Error(f"{path}: no UTF-8 text ({error}). Cure: write the file as UTF-8") from error
