"""What is not known of results that others made and submitted, as a note below a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from anatomy_r1.results.store import SUBMITTED, Result
from reports.scores.names import result_title


def submitted_notes(results: Iterable[Result]) -> tuple[str, ...]:
    """A note on each submitted result: where it is from, what is not known of it, and which of its numbers differed."""
    ordered = sorted((one for one in results if one.arm == SUBMITTED), key=lambda result: result.key)
    return tuple(_note(result) for result in ordered)


def _note(result: Result) -> str:
    return f"Submitted: {result_title(result)}: {'; '.join(_facts(result.provenance.get('submitted')))}."


def _facts(recorded: Any) -> Iterator[str]:
    """A store may hold anything there."""
    if not isinstance(recorded, Mapping):
        yield "nothing is known of where it is from"
        return
    yield f"from {recorded.get('kind') or 'a source that is not known'}, scored again from its responses"
    if unknown := _texts(recorded.get("not_known")):
        yield f"not known: {', '.join(unknown)}"
    if differences := _texts(recorded.get("differences")):
        yield f"its own numbers differed: {', '.join(differences)}"


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
