"""Notes below a table: how to read it, what it was made from, and what it does not show.

The same results give the same notes: none contains a date, and only `machines` names a machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from anatomy_r1.data.leakage.passport import LEAKS, TITLES
from anatomy_r1.provenance import stated
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.question_table import LENIENT
from reports.scores.names import BENCHMARKS, METRICS, MINI, benchmark_title, is_mini, rank
from reports.scores.scores import ALL, MARK, Score

_OURS = (
    "Ours: mean [95 % cluster-robust t interval over videos (SGG-VQA) or slides, patients or images (OmniMedVQA)]; "
    "clusters = number of these. Several training seeds are first averaged question by question, so intervals hold for "
    "these trained models only (docs/statistics.md, Seeds). "
)
_EMPHASIS = (
    "Best value of a column within a model in bold, second best underlined, compared as printed. "
    "— = not run (ours) or not reported (paper)."
)
_ZERO_WIDTH = "An interval of zero width: all clusters scored the same, which shows a lack of variation, not certainty."
_ONE_CLUSTER = "[no interval]: there is only one cluster."
MINI_MEANS = (
    "Mini numbers say nothing about Qwen2.5-VL: a tiny network, trained from scratch, answered questions about "
    "generated images."
)
MINI_WARNING = f"{MINI_MEANS} The paper's numbers are shown for orientation only and cannot be compared with them."
USE = "Research only, not for clinical use."


def warning(results: Iterable[Result]) -> str:
    """What must be read before any number; empty for real benchmarks."""
    return MINI_WARNING if any(is_mini(result.benchmark) for result in results) else ""


def notes(results: Sequence[Result], found: Iterable[Score], table: int) -> tuple[str, ...]:
    """All notes of one of the paper's tables, in reading order."""
    shown = list(found)
    return (
        f"{_OURS}paper: the paper's Table {table}.",
        _EMPHASIS,
        *([_ONE_CLUSTER] if any(score.low is None for score in shown) else []),
        *([_ZERO_WIDTH] if any(score.se == 0 and _has_interval(score.metric) for score in shown) else []),
        *leakage_notes(shown),
        made_from(results, shown),
        USE,
    )


def _has_interval(metric: str) -> bool:
    """Whether tables print an interval of this metric, or of a difference in it."""
    return metric.partition(" minus ")[0] in {*METRICS, "greedy", LENIENT}


def leakage_notes(found: Iterable[Score]) -> list[str]:
    """What `MARK` means, if any score carries it."""
    kinds = {kind for score in found for kind in score.not_clean}
    shared = "; ".join(TITLES[kind] for kind in LEAKS if kind in kinds)
    meaning = (
        f"{MARK} = not clean: training and test questions share: {shared} (each result's `leakage`; docs/leakage.md)."
    )
    return [meaning] if kinds else []


def made_from(results: Sequence[Result], found: Iterable[Score]) -> str:
    """Profile, sizes of the test sets, seeds and commits."""
    sizes = sorted(
        {(score.system.benchmark, score.questions, score.clusters) for score in found if score.category == ALL},
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
    """The shortened commit of a provenance, and whether files differed from it."""
    return str(record.get("commit") or "unknown")[:10] + (" + uncommitted changes" if record.get("dirty") else "")


def machines(results: Iterable[Result]) -> str:
    """Machines that trained and evaluated, as far as they were recorded."""
    records = [
        record
        for result in results
        for record in (result.provenance, stated(result.provenance, "training", "provenance"))
        if record is not None
    ]
    return "; ".join(sorted({_machine(stated(record, "machine")) for record in records}))


def _machine(entry: Any) -> str:
    """`2 x some processor, 4 x some GPU (Linux x86_64)`; older versions recorded the system only."""
    if not isinstance(entry, Mapping):
        return str(entry or "an unknown machine")
    listed = entry.get("gpus")
    gpus = Counter(map(str, listed if isinstance(listed, list) else []))
    parts = [str(entry.get("processor") or "an unknown processor"), *(f"{n} x {gpu}" for gpu, n in gpus.items())]
    return f"{', '.join(parts)} ({entry.get('system') or 'an unknown system'})"
