"""Command-line words -> rows of the grid: a method, or a method under a view (`grpo@no-image`)."""

from __future__ import annotations

from collections.abc import Sequence

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import PLAIN, VIEWS, parse_row, row_name
from baselines.methods.grpo import GRPO
from baselines.methods.registry import all_methods, find_method
from baselines.methods.sft import COT_SFT
from baselines.methods.zero_shot import ZERO_SHOT

VIEWED = (ZERO_SHOT, COT_SFT, GRPO)
"""Methods whose control views `--methods all` includes: untrained, imitation, reinforcement (ours). `--views` selects
those of any method; all methods under all views would multiply the evaluation's cost by seven."""


def rows(names: Sequence[str], views: Sequence[str]) -> tuple[str, ...]:
    """The rows that these words select, each once.

    Args:
        names: ids of methods, methods with a view (`grpo@no-image`), or `all`.
        views: views of each method that is named without one; if empty, the plain view.

    Raises:
        AnatomyR1Error: when a method or view is unknown, or no row is left, as for a control, which has no model.
    """
    chosen = tuple(dict.fromkeys(one for name in names for one in _rows(name, views)))
    if names and not chosen:
        raise AnatomyR1Error(f"{', '.join(names)}: has no model that could be shown {', '.join(views)}")
    return chosen


def _rows(name: str, views: Sequence[str]) -> list[str]:
    if name == "all":
        every = [one.id for one in all_methods()]
        return _under(every, views) if views else [*every, *_under([one.id for one in VIEWED], list(VIEWS))]
    method, view = parse_row(name)
    return _under([find_method(method).id], [view] if view != PLAIN else views or [PLAIN])


def _under(methods: Sequence[str], views: Sequence[str]) -> list[str]:
    """A control without a model has the plain view alone."""
    return [row_name(method, view) for view in views for method in methods if view == PLAIN or _has_model(method)]


def _has_model(method: str) -> bool:
    return find_method(method).kind != "control"
