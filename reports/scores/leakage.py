"""What the leakage passports of results say, and how a number that is not clean is marked.

A result without a passport, from before there were any, is neither clean nor not: nothing is marked, and nothing said.
"""

from __future__ import annotations

from collections.abc import Iterable

from anatomy_r1.data.leakage.passport import LEAKS, from_dict
from anatomy_r1.data.leakage.text import TITLES
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import Result

MARK = "†"


def not_clean(results: Iterable[Result]) -> tuple[str, ...]:
    """Kinds of leak that any of the passports shows, in the order of `LEAKS`.

    Raises:
        AnatomyR1Error: when a passport is there and cannot be read.
    """
    found = {kind for result in results for kind in _leaks(result)}
    return tuple(kind for kind in LEAKS if kind in found)


def _leaks(result: Result) -> tuple[str, ...]:
    if "leakage" not in result.provenance:
        return ()
    try:
        return from_dict(result.provenance["leakage"]).not_clean
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnatomyR1Error(
            f"{result.key}: its leakage passport cannot be read ({error}); delete the result and run the cell again"
        ) from error


def note(kinds: Iterable[str]) -> str:
    """What the mark means; `kinds` are those behind any marked number."""
    wanted = set(kinds)
    shared = "; ".join(TITLES[kind] for kind in LEAKS if kind in wanted)
    return (
        f"{MARK} = not clean: the questions that it was trained on and those that it was tested on share: {shared} "
        "(each result's `leakage`; docs/leakage.md)."
    )
