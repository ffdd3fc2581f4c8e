"""One cell of the grid (benchmark, model, base, method, seed), and where its files are below `runs/<profile>/`.

world/  data/<benchmark>/  models/<model>/          shared by all cells
released/<benchmark>/<file>/                         training sets of the arm as released (and the twin's file.json)
train/<benchmark>/<model>/<method>/seed<k>/          checkpoint, arguments, training log; equal-tokens/ below it
train/<benchmark>/<model>/<method>/as-released/...   the same, trained in the arm as released; also in responses/
responses/<benchmark>/<model>/<method>/seed<k>/      response log
results/...                                          result store (anatomy_r1/results/store.py)
replaced/...                                         results that are made again (baselines/stages/replaced.py)
work/<digest>/                                       unfinished work, keyed by its settings (baselines/stages/inputs.py)
logs/<stage>/...                                     output of each stage

Where a profile lists several bases of a model, <model> is <model>@<base> in all of these (`anatomy_r1.bases`).

`settings` are everything that the result of a training run depends on, computed without training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anatomy_r1.arithmetic import OPTIMISER, Mode
from anatomy_r1.bases import model_folder
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import PLAIN, VIEWS, asked_benchmark, row_name
from anatomy_r1.files import file_sha256
from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS, MATCHED
from baselines.experiment.profile import Profile, digest, load_profile
from baselines.methods import registry
from baselines.methods.method import Method

POLICIES = "policies"
"""Folder below `work/<digest>/` for the policies of a training run (`baselines/trainers/records.py`)."""
OWN = "own"
"""The policy at the end of the method's own budget."""
PROCESSES = "processes"
"""Key of a plan: the processes of its training, on which batches and random numbers depend."""


@dataclass(frozen=True)
class Cell:
    """A benchmark, model, method and seed, by name, with what it trains on and the view it is evaluated under."""

    benchmark: str
    model: str
    method_id: str
    seed: int
    view: str = PLAIN
    """What the evaluation shows (`anatomy_r1.evaluation.views`); training does not depend on it."""
    data: str = MATCHED
    """What it is trained on: the `MATCHED` questions, or its file of the arm `AS_RELEASED`."""
    base: str = ""
    """Which of the model's bases training starts from; empty where the profile lists none."""

    @property
    def method(self) -> Method:
        """The method that `method_id` names."""
        return registry.find_method(self.method_id)

    @property
    def asked(self) -> str:
        """Benchmark whose test questions it is asked."""
        return asked_benchmark(self.benchmark, self.view)

    @property
    def base_model(self) -> str:
        """Name of the weights that it starts from, in paths: the model with its base."""
        return model_folder(self.model, self.base)

    @property
    def name(self) -> str:
        """Path of its training and responses below a stage's folder; the same in all views."""
        own = "" if self.data == MATCHED else f"{self.data}/"
        return f"{self.benchmark}/{self.base_model}/{self.method_id}/{own}seed{self.seed}"

    def under(self, arm: str) -> str:
        """Path of its evaluation in one arm, as in the result store."""
        return f"{self.benchmark}/{self.base_model}/{row_name(self.method_id, self.view)}/{arm}/seed{self.seed}"

    def in_arm(self, arm: str) -> Cell:
        """The cell that is evaluated in an arm: as released has a training of its own."""
        return replace(self, data=AS_RELEASED if arm == AS_RELEASED else MATCHED)

    def parent(self) -> Cell | None:
        """The cell whose checkpoint training starts from; None for the base model."""
        start = self.method.start
        return None if start == "base" else replace(self, method_id=start, view=PLAIN)


@dataclass(frozen=True)
class Layout:
    """Paths below the folder of one profile's runs."""

    root: Path

    def world(self) -> Path:
        """Generated data, in the formats of the real files."""
        return self.root / "world"

    def data(self, benchmark: str) -> Path:
        """Prepared set of a benchmark."""
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
        """Base model, by the name that `Cell.base_model` gives."""
        return self.root / "models" / model

    def start(self, cell: Cell) -> Path:
        """Weights that training starts from."""
        parent = cell.parent()
        return self.base(cell.base_model) if parent is None else self.train(parent)

    def train(self, cell: Cell) -> Path:
        """Trained checkpoint and its log."""
        return self.root / "train" / cell.name

    def policy(self, cell: Cell, arm: str = MATCHED) -> Path:
        """Weights that are evaluated: the checkpoint, or the base model for an untrained method."""
        if not cell.method.trained:
            return self.base(cell.base_model)
        return self.train(cell) / EQUAL_TOKENS if arm == EQUAL_TOKENS else self.train(cell)

    def evaluation_input(self, cell: Cell) -> Path:
        """File that exists once the cell can be evaluated; controls have no weights and need only the data."""
        if cell.method.kind == "control":
            return self.data(cell.benchmark) / "manifest.json"
        return self.policy(cell) / ("training.json" if cell.method.trained else "config.json")

    def responses(self, cell: Cell) -> Path:
        """Response logs."""
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
        """Event files of `--report-to tensorboard`."""
        return self.root / "tensorboard" / cell.name

    def log(self, stage: str, name: str) -> Path:
        """Output of a stage."""
        return self.root / "logs" / stage / f"{name}.log"

    def progress(self, stage: str, name: str) -> Path:
        """Progress file of a stage."""
        return self.root / "progress" / stage / f"{name}.json"


@dataclass(frozen=True)
class GridRun:
    """What every stage of one grid shares."""

    profile: Profile
    layout: Layout
    source: str
    """The profile's name or file, as given: each stage loads it again."""
    report_to: str = "none"
    method_files: tuple[str, ...] = ()
    """Absolute paths of the user's method files, which each stage loads again."""


def open_run(
    source: str, root: Path, report_to: str, method_files: Sequence[str], arithmetic: Mode | None = None
) -> GridRun:
    """The run that another process started: load its profile, and register the methods of its files."""
    registry.add_methods(method_files)
    profile = load_profile(source).in_arithmetic(arithmetic)
    return GridRun(profile, Layout(root), source, report_to, tuple(method_files))


def arguments(profile: Profile, method: Method, seed: int, data: str = MATCHED) -> dict[str, Any]:
    """Trainer arguments of a method: its knobs over the profile's budget; empty for an untrained method."""
    if not method.trained:
        return {}
    budget = _longer(profile.budget(method.budget), method.budget_times)
    own: dict[str, Any] = {}
    if data == AS_RELEASED:
        own = dict(method.release_knobs)
        if "own_steps" in budget:  # no arm of equal tokens: the run ends with its own steps
            own |= {"max_steps": budget["own_steps"], "rollout_tokens": 0}
    given = {**budget, **method.knobs}
    return {**given, **own, **_optimiser(profile, given), "seed": seed + method.seed_shift}


def _longer(budget: dict[str, Any], times: int) -> dict[str, Any]:
    """A budget of so many times the steps, without an arm of equal tokens beyond them."""
    if times == 1:
        return budget
    steps = times * int(budget.get("own_steps") or budget["max_steps"])
    own = {"own_steps": steps, "rollout_tokens": 0} if "own_steps" in budget else {}
    return {**budget, **own, "max_steps": steps}


def _optimiser(profile: Profile, given: Mapping[str, Any]) -> dict[str, str]:
    """The optimiser of portable arithmetic, which allows no other: what others compute was not tested."""
    if profile.arithmetic != "portable":
        return {}
    if given.get("optim", OPTIMISER) != OPTIMISER:
        fix = f"leave optim out, or run with --arithmetic native (portable: {OPTIMISER})"
        raise AnatomyR1Error(f"profile {profile.name}: optim {given['optim']!r} is not portable. Fix: {fix}")
    return {"optim": OPTIMISER}


def settings(profile: Profile, cell: Cell) -> dict[str, Any]:
    """Everything that the trained weights depend on; its digest names the work folder."""
    parent, method = cell.parent(), cell.method
    own = {"rewards": list(method.rewards), "file_sha256": method.file_sha256}
    given, data = arguments(profile, method, cell.seed, cell.data), dict(profile.data[cell.benchmark])
    if cell.data == AS_RELEASED:
        data = {"arm": AS_RELEASED, "file": method.release, **profile.released[cell.benchmark]}
    return {
        "cell": cell.name,
        "method": {
            **{"trainer": method.trainer, "style": method.style, "start": method.start},
            **{name: value for name, value in own.items() if value},  # most methods have neither: old plans stay equal
        },
        "arguments": given,
        **_similarities(given),
        "data": data,
        "model": profile.source(cell.model, cell.base),
        "parent": settings(profile, parent) if parent else None,
        **profile.numerics,
        **_several(profile),
    }


def evaluation_digest(profile: Profile, cell: Cell) -> str:
    """Changes with anything in the profile and the method that a result depends on."""
    evaluation = {**profile.evaluation, **VIEWS[cell.view]}
    return digest([digest(settings(profile, cell)), evaluation, profile.data[cell.asked]])


def _similarities(given: Mapping[str, Any]) -> dict[str, str]:
    """The hash of the file of S(q) where a curriculum follows it: other similarities serve other questions.

    Empty without a curriculum, in the mini world, and until the file is made.
    """
    source = given.get("similarity") if given.get("curriculum") else None
    file = Path(source) if source and source != "mini" else None
    return {"similarity_sha256": file_sha256(file)} if file and file.is_file() else {}


def _several(profile: Profile) -> dict[str, int]:
    """The number of processes of a training where there are several: plans of one process stay as they were."""
    count = profile.launch.processes
    return {PROCESSES: count} if count > 1 else {}
