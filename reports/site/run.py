"""What of a run lies beside its result store: prepared sets, response logs and training logs. Each may be absent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from anatomy_r1.data.prepared import MANIFEST, PreparedSet, load
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import split_row
from anatomy_r1.question import Question
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.results.store import AS_RELEASED, Result
from anatomy_r1.scoring.complete_run import CompleteRun, load_complete_run


@dataclass(frozen=True)
class Benchmark:
    """The prepared set of one benchmark, with the questions that were tested and those that were trained on."""

    test: PreparedSet
    train: dict[str, Question]
    """By id."""

    @property
    def generated(self) -> bool:
        """Whether its pictures were made by this project, and so may be shown anywhere."""
        return bool(self.test.manifest.get("generated"))


@dataclass(frozen=True)
class RunFolder:
    """A folder that `python -m baselines run` left."""

    root: Path

    @cached_property
    def benchmarks(self) -> dict[str, Benchmark]:
        """Prepared sets by benchmark.

        Raises:
            DataError: when one is there and has changed since it was written.
        """
        folders = sorted(path.parent for path in (self.root / "data").glob(f"*/{MANIFEST}"))
        return {folder.name: _benchmark(folder) for folder in folders}

    def answers(self, result: Result) -> CompleteRun | None:
        """The responses behind a result; None for a control, and where there is no log.

        Raises:
            AnatomyR1Error: when the log is damaged or not whole, or the data are not those it was asked.
        """
        plan = result.provenance.get("sampling")
        if not plan or result.benchmark not in self.benchmarks:
            return None
        for log in sorted(self._responses(result).glob("*.sqlite")):
            with ResponseLog(log, read_only=True) as opened:
                run = next((name for name, asked in opened.runs().items() if asked == plan), None)
            if run is not None:
                return load_complete_run(log, self.root / "data", run)
        return None

    def _responses(self, result: Result) -> Path:
        """Where the grid keeps the logs: all views of a policy in one folder, those of another training in another."""
        method, _ = split_row(result.method)
        folder = self.root / "responses" / result.benchmark / result.model / method
        return (folder / AS_RELEASED if result.arm == AS_RELEASED else folder) / f"seed{result.seed}"

    def training_logs(self) -> dict[tuple[str, str, str, int], Path]:
        """Training logs by (benchmark, model, method, seed)."""
        found = sorted((self.root / "train").glob("*/*/*/seed*/training_log.sqlite"))
        return {_cell(path.parent.relative_to(self.root / "train").parts): path for path in found}


def open_run(root: Path | None) -> RunFolder | None:
    """A run's folder; None where none is named.

    Raises:
        AnatomyR1Error: when it is named and not there.
    """
    if root is not None and not root.is_dir():
        raise AnatomyR1Error(f"{root}: no such folder. Run `tox -e reproduce-table1` first, or leave --run out")
    return None if root is None else RunFolder(root)


def _benchmark(folder: Path) -> Benchmark:
    every = load(folder)
    splits = every.manifest.get("counts", {})
    train = {question.id: question for question in load(folder, "train").questions} if "train" in splits else {}
    return Benchmark(load(folder, "test"), train)


def _cell(parts: tuple[str, ...]) -> tuple[str, str, str, int]:
    benchmark, model, method, seed = parts
    return benchmark, model, method, int(seed.removeprefix("seed"))
