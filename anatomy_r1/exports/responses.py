"""Responses of a run one by one, as formats with a row for each response need them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anatomy_r1.exports.evidence import Evidence
from anatomy_r1.prompts import render_text
from anatomy_r1.question import Question
from anatomy_r1.response_log.response import Decoding, Response
from anatomy_r1.scoring.extraction import Extraction
from anatomy_r1.scoring.metrics import K


@dataclass(frozen=True, slots=True)
class Row:
    """One response to one question."""

    question: Question
    decoding: Decoding
    repeat: int
    """0 to 4 for the sampled responses; 0 for the greedy one."""
    right: bool
    response: Response | None
    """None if only the verdict is known: a result store keeps no responses."""
    extraction: Extraction | None

    @property
    def choice(self) -> str | None:
        """The letter that was read; None if none was, or it is not known."""
        return self.extraction.strict.choice if self.extraction else None


def rows(evidence: Evidence) -> Iterator[Row]:
    """Six rows a question, the greedy one last; none if neither responses nor question texts are known."""
    return _logged(evidence) if evidence.run else _stored(evidence)


def _logged(evidence: Evidence) -> Iterator[Row]:
    assert evidence.run is not None
    known = zip(evidence.run.questions, evidence.run.responses, evidence.extractions, strict=True)
    for question, responses, extractions in known:
        for response, extraction in zip(responses, extractions, strict=True):
            right = extraction.strict.choice == question.letter
            yield Row(question, response.key.decoding, response.key.repeat, right, response, extraction)


def _stored(evidence: Evidence) -> Iterator[Row]:
    if not evidence.questions:
        return
    for question, row in zip(evidence.questions, evidence.table.to_dict("records"), strict=True):
        for repeat in range(K):
            yield Row(question, "sample", repeat, bool(row[f"correct_{repeat}"]), None, None)
        yield Row(question, "greedy", 0, bool(row["greedy"]), None, None)


def prompt_of(evidence: Evidence, question: Question) -> str:
    """The prompt without the chat template; the question and its options alone if its wording is not known."""
    if evidence.wording:
        return render_text(question.stem, question.options, evidence.prompt_style, evidence.wording)
    return "\n".join([question.stem, *question.options])


def template_of(evidence: Evidence) -> str | None:
    """The prompt with placeholders for question and options; None if its wording is not known."""
    if not evidence.wording:
        return None
    return render_text("{question}", ("{option A}", "{option B}"), evidence.prompt_style, evidence.wording)


def plain(text: str) -> str:
    """Text that every reader takes: half a surrogate pair, which a response may hold, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
