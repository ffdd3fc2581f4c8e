"""The plan: which stages a selection of rows needs. Pure functions, used to run, to print and to estimate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import (
    BALANCED,
    PLAIN,
    ROTATIONS,
    VIEWS,
    asked_benchmark,
    parse_row,
    row_name,
    split_row,
)
from anatomy_r1.results.store import AS_RELEASED, EQUAL_TOKENS
from baselines.experiment.cell import Cell, Layout
from baselines.experiment.profile import Profile
from baselines.methods.registry import CALIBRATION, all_methods, find_method

ALL_BASES = "all"
"""The word of `--bases` for every base, where the profile's default is fewer."""
VIEWED = ("zero-shot", "cot-sft", "grpo")
"""Methods whose control views `--methods all` includes: untrained, imitation, reinforcement (ours). `--views` selects
those of any method; all methods under all views would multiply the evaluation's cost by seven."""


def rows(names: Sequence[str], views: Sequence[str]) -> tuple[str, ...]:
    """The rows that these words select, each once; `views` are those of methods named without one (default: plain)."""
    chosen = tuple(dict.fromkeys(one for name in names for one in _rows(name, views)))
    if names and not chosen:
        raise AnatomyR1Error(f"{', '.join(names)}: has no model that could be shown {', '.join(views)}")
    return chosen


def _rows(name: str, views: Sequence[str]) -> list[str]:
    if name == "all":
        every = [one.id for one in all_methods() if one not in CALIBRATION]  # they test the instrument, not a method
        return _under(every, views) if views else [*every, *_under(VIEWED, list(VIEWS))]
    method, view = parse_row(name)
    return _under([find_method(method).id], [view] if view != PLAIN else views or [PLAIN])


def _under(methods: Sequence[str], views: Sequence[str]) -> list[str]:
    """Each method under each view; a control has no model and the plain view alone."""
    shown = {view: [one for one in methods if view == PLAIN or find_method(one).kind != "control"] for view in views}
    return [row_name(method, view) for view in shown for method in shown[view]]


@dataclass(frozen=True)
class Selection:
    """What to run, by id."""

    methods: tuple[str, ...]
    """Rows: a method's id, followed by the view unless it is the plain one (`anatomy_r1.evaluation.views`)."""
    benchmarks: tuple[str, ...]
    models: tuple[str, ...]
    seeds: tuple[int, ...]
    arms: tuple[str, ...]
    bases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Model -> its bases; a model without an entry has one without a name."""

    @property
    def base_models(self) -> tuple[tuple[str, str], ...]:
        """Every model with each of its bases."""
        return tuple((model, base) for model in self.models for base in self.bases.get(model, ("",)))


@dataclass(frozen=True)
class Stage:
    """One process of the grid."""

    stage: str
    """`world`, `data`, `released`, `base`, `train` or `evaluate`."""
    name: str
    """Benchmark, model or cell; with `stage`, the path of its log and progress file."""
    output: Path
    """File that exists when it is done."""
    seconds: float
    """Rough cost, for estimates only."""


def select(
    profile: Profile,
    *,
    methods: Sequence[str] = (),
    benchmarks: Sequence[str] = (),
    models: Sequence[str] = (),
    seeds: Sequence[int] = (),
    bases: Sequence[str] = (),
    arms: Sequence[str] = (),
    views: Sequence[str] = (),
) -> Selection:
    """The rows asked for; what is not given comes from the profile's `default`. Unknown ids are an error."""
    _known("benchmark", benchmarks, profile.data)
    _known("model", models, profile.models)
    _known("arm", arms or profile.default["arms"], profile.arms())
    _known("view", views, (*VIEWS, "all"))
    for seed in seeds:
        if not 0 <= seed < 2**32:
            raise AnatomyR1Error(f"seed {seed}: should be 0 or more and below 2**32. Fix: --seeds 0")
    default = profile.default
    chosen_models = tuple(dict.fromkeys(models or default["models"]))
    chosen = Selection(
        methods=rows(methods or default["methods"], tuple(VIEWS) if "all" in views else views),
        benchmarks=tuple(dict.fromkeys(benchmarks or default["benchmarks"])),
        models=chosen_models,
        seeds=tuple(dict.fromkeys(seeds or default["seeds"])),
        arms=tuple(dict.fromkeys(arms or default["arms"])),
        bases=_bases(profile, chosen_models, bases),
    )
    _check_balanced(profile, chosen, views)
    return chosen


def _check_balanced(profile: Profile, selection: Selection, views: Sequence[str]) -> None:
    """Refuse the balanced view, where it was asked for by name, if no selected benchmark has that variant."""
    if BALANCED in views and not any(cell.view == BALANCED for cell, _ in evaluations(profile, selection)):
        names = ", ".join(selection.benchmarks)
        fix = "add the variant to the profile's data section (baselines/profiles/mini.yaml has examples)"
        if all(asked_benchmark(name, BALANCED) == name for name in selection.benchmarks):
            fix = "leave that view out: it is balanced itself"
        raise AnatomyR1Error(f"no balanced variant of {names} in profile {profile.name}. Fix: {fix}")


def _bases(profile: Profile, models: Sequence[str], asked: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The bases of each model: those asked for, else those of the profile's `default`, else all."""
    every = {model: profile.bases(model) for model in models}
    names = [name for of in every.values() for name in of if name]
    if asked and not names:
        raise AnatomyR1Error(f"no bases of {', '.join(models)} in profile {profile.name}. Fix: leave out --bases")
    _known("base", asked, [*names, ALL_BASES])
    default = [name for name in profile.default.get("bases", ()) if name in names]
    wanted = set(names if ALL_BASES in asked else asked or default or names)
    chosen = {model: tuple(name for name in of if not name or name in wanted) for model, of in every.items()}
    if without := [model for model, of in chosen.items() if not of]:
        fix = f"name one of {', '.join(every[without[0]])} as well, or leave the model out"
        raise AnatomyR1Error(f"no base of {without[0]} among {', '.join(sorted(wanted))}. Fix: {fix}")
    return chosen


def _known(what: str, names: Sequence[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise AnatomyR1Error(f"no {what} {name!r} in this profile; there are: {', '.join(known)}")


def cells(selection: Selection) -> list[Cell]:
    """One cell per benchmark, model, base, row and seed."""
    return [
        Cell(benchmark, model, method, seed, view, base=base)
        for benchmark in selection.benchmarks
        for model, base in selection.base_models
        for method, view in map(split_row, selection.methods)
        for seed in selection.seeds
    ]


def evaluations(profile: Profile, selection: Selection) -> list[tuple[Cell, str]]:
    """Every cell with each arm that exists for it, where its view does."""
    return [
        (cell.in_arm(arm), arm)
        for cell in cells(selection)
        for arm in selection.arms
        if _has_arm(profile, cell, arm) and _has_view(profile, cell)
    ]


def _has_view(profile: Profile, cell: Cell) -> bool:
    """The balanced view needs another set, and a balanced benchmark is in that view as it is."""
    return cell.view != BALANCED or (cell.asked in profile.data and cell.asked != cell.benchmark)


def _has_arm(profile: Profile, cell: Cell, arm: str) -> bool:
    """Equal tokens is for methods that sample; as released for those with a released file, if the benchmark has any.

    What a method starts from is trained in that arm too, so it needs a file as well.
    """
    if arm == EQUAL_TOKENS:
        return cell.method.kind == "rl"
    if arm != AS_RELEASED:
        return True
    return cell.benchmark in profile.released and all(one.method.release for one in lineage(cell))


def stages(profile: Profile, layout: Layout, selection: Selection) -> list[Stage]:
    """Every stage that the selection needs, once, in an order in which they can run."""
    wanted, trained, cost = evaluations(profile, selection), trainings(profile, selection), profile.cost
    found = [Stage("world", "world", layout.world() / "world.json", cost["world"])] if profile.generated else []
    for name in data_sets(profile, selection):
        found.append(Stage("data", name, layout.data(name) / "manifest.json", cost["data"]))
    for name, file in dict.fromkeys((c.benchmark, c.method.release) for c in trained if c.data == AS_RELEASED):
        output = layout.released(name, file) / "manifest.json"
        found.append(Stage("released", f"{name}/{file}", output, cost["data"]))
    for name in dict.fromkeys(cell.base_model for cell, _ in wanted if cell.method.kind != "control"):
        found.append(Stage("base", name, layout.base(name) / "config.json", cost["base"]))
    for cell in trained:  # DAPO samples more per step, so a profile may have an estimate of its own for it
        seconds = cost.get(cell.method_id, cost[cell.method.budget])
        found.append(Stage("train", cell.name, layout.train(cell) / "training.json", seconds))
    for cell, arm in wanted:  # controls have no model and only read the data
        seconds = times_asked(cell) * cost["data" if cell.method.kind == "control" else "evaluate"]
        found.append(Stage("evaluate", cell.under(arm), layout.result(cell, arm), seconds))
    return found


def left_out(profile: Profile, selection: Selection, asked: Sequence[str]) -> list[str]:
    """Those of the rows and benchmarks `asked` for by name that have no evaluation in the selection.

    Raises:
        AnatomyR1Error: Nothing has one, so that a run would end at once and look like a success.
    """
    found = evaluations(profile, selection)
    if not found:
        told = f"{', '.join(selection.methods)} in {', '.join(selection.arms)} on {', '.join(selection.benchmarks)}"
        fix = "name another method, arm (--arms) or benchmark (docs/as-released.md, docs/controls.md)"
        raise AnatomyR1Error(f"nothing to evaluate: there is no {told} in profile {profile.name}. Fix: {fix}")
    have = {name for cell, _ in found for name in (row_name(cell.method_id, cell.view), cell.benchmark)}
    return [name for name in asked if name not in have]


def data_sets(profile: Profile, selection: Selection) -> list[str]:
    """The benchmarks whose prepared sets the selection needs: those selected, then those that views ask."""
    return list(dict.fromkeys([*selection.benchmarks, *(cell.asked for cell, _ in evaluations(profile, selection))]))


def trainings(profile: Profile, selection: Selection) -> list[Cell]:
    """Every training that the selection needs, once, parents first."""
    leaves = [leaf for leaf, _ in evaluations(profile, selection)]
    return list({cell.name: cell for leaf in leaves for cell in lineage(leaf) if cell.method.trained}.values())


def times_asked(cell: Cell) -> int:
    """How often an evaluation asks each question: once, or in every rotation of its (usually four) options."""
    return 4 if cell.view == ROTATIONS else 1


def gpus_of(profile: Profile, stage: str) -> int:
    """GPUs that one stage of this kind uses."""
    return {"train": profile.launch.processes, "evaluate": 1}.get(stage, 0) if profile.needs.gpus else 0


def lineage(cell: Cell) -> list[Cell]:
    """The cell preceded by all cells that it starts from, the first ancestor first."""
    parent = cell.parent()
    return [*(lineage(parent) if parent else []), cell]
