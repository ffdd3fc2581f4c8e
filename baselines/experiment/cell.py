"""One cell of the grid (benchmark, model, method, seed) and where its files are below `runs/<profile>/`.

world/  data/<benchmark>/  models/<model>/          shared stages
released/<benchmark>/<file>/                         training sets of the arm as released (twin: file.json beside)
train/<benchmark>/<model>/<method>/seed<k>/          checkpoint, arguments, training log; equal-tokens/ within
train/<benchmark>/<model>/<method>/as-released/...   the same, trained in the arm as released; likewise responses/
responses/<benchmark>/<model>/<method>/seed<k>/      response log, lm-eval results
results/...                                          result store (anatomy_r1/results/store.py)
work/<digest>/                                       unfinished work, keyed by everything that goes into it
logs/<stage>/...                                     what a stage printed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from anatomy_r1.evaluation.views import PLAIN, row
from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS, MATCHED
from baselines.experiment.profile import Profile, load_profile
from baselines.methods.method import Method
from baselines.methods.registry import add_methods, find_method


@dataclass(frozen=True)
class Cell:
    """Names of one cell."""

    benchmark: str
    model: str
    method_id: str
    seed: int
    view: str = PLAIN
    """What is shown in evaluation (`anatomy_r1.evaluation.views`); training knows nothing of it."""
    data: str = MATCHED
    """What it learns from: the questions of `MATCHED`, or its file of `AS_RELEASED`."""

    @property
    def method(self) -> Method:
        """Its method."""
        return find_method(self.method_id)

    @property
    def name(self) -> str:
        """Path of the cell below any stage's folder, whatever the view."""
        own = "" if self.data == MATCHED else f"{self.data}/"
        return f"{self.benchmark}/{self.model}/{self.method_id}/{own}seed{self.seed}"

    def under(self, arm: str) -> str:
        """Path of the cell's evaluation in one arm, as in the result store."""
        return f"{self.benchmark}/{self.model}/{row(self.method_id, self.view)}/{arm}/seed{self.seed}"

    def in_arm(self, arm: str) -> Cell:
        """The cell that is evaluated in an arm: as released, another training."""
        return replace(self, data=AS_RELEASED if arm == AS_RELEASED else MATCHED)

    def parent(self) -> Cell | None:
        """Cell whose checkpoint this one starts from; None when it starts from the base model."""
        start = self.method.start
        return None if start == "base" else replace(self, method_id=start, view=PLAIN)


@dataclass(frozen=True)
class Layout:
    """Paths of one profile's runs."""

    root: Path

    def world(self) -> Path:
        """Generated data in the real on-disk formats."""
        return self.root / "world"

    def data(self, benchmark: str) -> Path:
        """Prepared set."""
        return self.root / "data" / benchmark

    def released(self, benchmark: str, file: str) -> Path:
        """Prepared set of one of the released files, or of its generated twin."""
        return self.root / "released" / benchmark / file

    def learns_from(self, cell: Cell) -> Path:
        """Prepared set that the cell is trained on."""
        if cell.data == AS_RELEASED:
            return self.released(cell.benchmark, cell.method.release)
        return self.data(cell.benchmark)

    def base(self, model: str) -> Path:
        """Base model."""
        return self.root / "models" / model

    def train(self, cell: Cell) -> Path:
        """Trained checkpoint with its log."""
        return self.root / "train" / cell.name

    def policy(self, cell: Cell, arm: str = MATCHED) -> Path:
        """Weights that are evaluated: the checkpoint, or the base model for a method that is not trained."""
        if not cell.method.trained:
            return self.base(cell.model)
        return self.train(cell) / EQUAL_TOKENS if arm == EQUAL_TOKENS else self.train(cell)

    def start(self, cell: Cell) -> Path:
        """Weights that training starts from."""
        parent = cell.parent()
        return self.base(cell.model) if parent is None else self.train(parent)

    def answers_with(self, cell: Cell) -> Path:
        """File that is there when what answers is: for a control, which has no weights, the data."""
        if cell.method.kind == "control":
            return self.data(cell.benchmark) / "manifest.json"
        return self.policy(cell) / ("training.json" if cell.method.trained else "config.json")

    def responses(self, cell: Cell) -> Path:
        """Response log and lm-eval's results."""
        return self.root / "responses" / cell.name

    def store(self) -> Path:
        """Result store."""
        return self.root / "results"

    def result(self, cell: Cell, arm: str) -> Path:
        """The cell's file in the result store."""
        return self.store() / f"{cell.under(arm)}.json"

    def work(self, digest: str) -> Path:
        """Unfinished work of a stage."""
        return self.root / "work" / digest

    def tensorboard(self, cell: Cell) -> Path:
        """TensorBoard's event files, where `--report-to tensorboard` asks for them."""
        return self.root / "tensorboard" / cell.name

    def log(self, stage: str, name: str) -> Path:
        """What a stage printed."""
        return self.root / "logs" / stage / f"{name}.log"

    def progress(self, stage: str, name: str) -> Path:
        """How far a stage is."""
        return self.root / "progress" / stage / f"{name}.json"


@dataclass(frozen=True)
class Run:
    """What every stage of one grid shares."""

    profile: Profile
    layout: Layout
    source: str
    """The profile's name or file, as given: stages load it again."""
    report_to: str = "none"
    """Where trainers report to, besides the training log."""
    method_files: tuple[str, ...] = ()
    """Absolute paths of the user's method files, which each stage loads again."""


def open_run(source: str, root: Path, report_to: str, method_files: Sequence[str]) -> Run:
    """The run that another process began: its profile is loaded again, and the methods of its files become known."""
    add_methods(method_files)
    return Run(load_profile(source), Layout(root), source, report_to, tuple(method_files))


POLICIES = "policies"
"""Folder of the unfinished work in which a run keeps its policies; see `baselines/trainers/callbacks.py`."""


OWN = "own"
"""The policy at the end of the method's own budget."""
