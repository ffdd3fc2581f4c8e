"""What stands below a table: how to read it, what it was made from, and what it does not show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from anatomy_r1.provenance import stated
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.question_table import LENIENT
from reports.scores import scores as leakage
from reports.scores.names import BENCHMARKS, METRICS, MINI, benchmark_title, is_mini, rank
from reports.scores.scores import ALL, Score

_OURS = (
    "Ours: mean [95 % cluster-robust t interval over videos (SGG-VQA) or slides, patients or images (OmniMedVQA)]; "
    "clusters = how many of these. Several training seeds are averaged question by question first: "
    "intervals are of these trainings (docs/statistics.md, Seeds). "
)
_MARKS = (
    "Best of a column within a model in bold, second underlined, by the printed value. "
    "— = not run (ours) or not reported (paper)."
)
MINI_MEANS = (
    "Mini numbers say nothing about Qwen2.5-VL: a tiny network, trained from nothing, answered questions about "
    "generated pictures."
)
MINI_WARNING = f"{MINI_MEANS} The paper's numbers stand beside them for orientation and cannot be compared with them."
USE = "Research only, not for clinical use."
_ZERO_WIDTH = "An interval of no width: all clusters scored alike, which shows lack of variation, not certainty."
_ONE_CLUSTER = "[no interval]: one cluster allows none."


def warning(results: Iterable[Result]) -> str:
    """What must be read before any number."""
    return MINI_WARNING if any(is_mini(result.benchmark) for result in results) else ""


def notes(results: Sequence[Result], found: Iterable[Score], table: int) -> tuple[str, ...]:
    """All notes to one of the paper's tables, in reading order.

    The same results give the same words: no date, no machine.
    """
    shown = list(found)
    return (
        f"{_OURS}paper: the paper's Table {table}.",
        _MARKS,
        *([_ONE_CLUSTER] if any(score.low is None for score in shown) else []),
        *([_ZERO_WIDTH] if any(score.se == 0 and _has_interval(score.metric) for score in shown) else []),
        *leaks(shown),
        made_from(results, shown),
        USE,
    )


def leaks(found: Iterable[Score]) -> list[str]:
    """What the mark on numbers that are not clean means, where there is any."""
    kinds = {kind for score in found for kind in score.not_clean}
    return [leakage.note(kinds)] if kinds else []


def _has_interval(metric: str) -> bool:
    """Whether tables print an interval of this metric, or of a difference in it."""
    return metric.partition(" minus ")[0] in {*METRICS, "greedy", LENIENT}


def made_from(results: Sequence[Result], found: Iterable[Score]) -> str:
    """Profile, sizes of the test sets, seeds and commits."""
    shown = list(found)
    sizes = sorted(
        {(s.group.benchmark, s.questions, s.clusters) for s in shown if s.category == ALL},
        key=lambda size: (rank(BENCHMARKS, size[0].removesuffix(MINI)), size),
    )
    parts = [
        f"Profile {results[0].profile}",
        *(f"{benchmark_title(name)}: {n} questions in {clusters} clusters" for name, n, clusters in sizes),
        f"seeds {', '.join(map(str, sorted({result.seed for result in results})))}",
        f"commit {', '.join(commits(results))}",
    ]
    return " · ".join(parts) + "."


def commits(results: Iterable[Result]) -> list[str]:
    """Commits that made the results, each once."""
    return sorted({commit(result.provenance) for result in results})


def commit(record: Mapping[str, Any]) -> str:
    """The commit of a provenance, shortened; says so where files differed from it."""
    return str(record.get("commit") or "unknown")[:10] + (" + uncommitted changes" if record.get("dirty") else "")


def machines(results: Iterable[Result]) -> str:
    """Machines that trained and evaluated, as far as the results say."""
    entries = [
        entry
        for result in results
        for entry in (result.provenance, stated(result.provenance, "training", "provenance"))
        if entry is not None
    ]
    return "; ".join(sorted({_machine(stated(entry, "machine")) for entry in entries}))


def _machine(entry: Any) -> str:
    """`2 x some processor, 4 x some GPU (Linux x86_64)`; results of older versions say the system only."""
    if not isinstance(entry, Mapping):
        return str(entry or "an unknown machine")
    listed = entry.get("gpus")
    gpus = Counter(map(str, listed if isinstance(listed, list) else []))
    parts = [str(entry.get("processor") or "an unknown processor"), *(f"{n} x {gpu}" for gpu, n in gpus.items())]
    return f"{', '.join(parts)} ({entry.get('system') or 'an unknown system'})"
