"""Scores as text for a terminal, and as JSON for a program."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from anatomy_r1.metrics import K
from anatomy_r1.score import Scores


def as_text(scores: Scores) -> str:
    """A table: one line a category, then all questions, in percent."""
    names = [name for name in scores.overall if name != "n"]
    head = f"{scores.benchmark}, run {scores.run}: {len(set(scores.clusters))} clusters, percent"
    lines = [_line(category, values, names) for category, values in scores.by_category.items()]
    title = f"{'':28}{'n':>7}" + "".join(f"{name:>17}" for name in names)
    return "\n".join([head, title, *lines, _line("all", scores.overall, names)])


def as_json(scores: Scores) -> str:
    """What was run, metrics overall and by category, and how often the extractor gave which reason."""
    content = {
        "benchmark": scores.benchmark,
        "run": scores.run,
        "plan": scores.plan,
        "clusters": len(set(scores.clusters)),
        "overall": scores.overall,
        "by_category": scores.by_category,
        "reasons": Counter(reason for six in scores.reasons for reason in six[:K]),
    }
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)


def _line(label: str, values: Mapping[str, float], names: list[str]) -> str:
    return f"{label:28}{values['n']:>7.0f}" + "".join(f"{100 * values[name]:>17.1f}" for name in names)
