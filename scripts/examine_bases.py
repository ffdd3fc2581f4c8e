"""What the committed bases of the mini world can do, on questions of another world, never on the frozen test sets.

    python scripts/examine_bases.py                          every base: without training, after CoT-SFT and after SFT
    python scripts/examine_bases.py --names mini-l-1 --grpo  and GRPO's curve
    python scripts/examine_bases.py --write                  also into the facts of the bases (`measured`)

Runs in portable arithmetic, below --runs (default: runs/bases). Numbers are Avg@5 in percent, with the standard error
over the questions. docs/bases.md has the committed ones.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from anatomy_r1.arithmetic import restart_portable, use_portable  # noqa: E402
from anatomy_r1.bases import model_folder  # noqa: E402
from anatomy_r1.data import prepared  # noqa: E402
from anatomy_r1.data.augmentation.groups import rewrites  # noqa: E402
from anatomy_r1.evaluation.evaluate import evaluate  # noqa: E402
from anatomy_r1.files import write_atomic  # noqa: E402
from anatomy_r1.mini import bases  # noqa: E402
from anatomy_r1.scoring.metrics import K  # noqa: E402
from anatomy_r1.scoring.question_table import question_table  # noqa: E402
from anatomy_r1.scoring.score import score  # noqa: E402
from anatomy_r1.training.training_log import ACCURACY, LOG_NAME, read  # noqa: E402
from baselines.experiment.cell import Cell, GridRun, Layout  # noqa: E402
from baselines.experiment.profile import PROFILES, load_profile  # noqa: E402
from baselines.stages.stages import run_stage  # noqa: E402

PROFILE = "mini"
"""Whose settings they are examined with."""
SCENES, SLIDES = "sgg_anatomy_mini", "omnimed_mi_mini"
WORLD = {"seed": 501, "test_seed": 502}
"""No other world has these seeds: neither the committed results' nor a base's own."""
QUESTIONS = 200
CURVE = 40
"""Steps between two points of GRPO's curve."""


class Look(NamedTuple):
    """One way to ask a policy."""

    benchmark: str
    style: str
    reworded: bool = False
    images: str = "real"


UNTRAINED = {
    "think": Look(SCENES, "think"),
    "think, reworded": Look(SCENES, "think", reworded=True),
    "direct": Look(SCENES, "direct"),
    "direct, reworded": Look(SCENES, "direct", reworded=True),
    "direct, no image": Look(SCENES, "direct", images="none"),
    "slides, think": Look(SLIDES, "think"),
    "slides, think, reworded": Look(SLIDES, "think", reworded=True),
    "slides, direct": Look(SLIDES, "direct"),
}
COT_SFT = {"think": Look(SCENES, "think"), "think, reworded": Look(SCENES, "think", reworded=True)}
SFT = {
    "direct": Look(SCENES, "direct"),
    "direct, reworded": Look(SCENES, "direct", reworded=True),
    "direct, no image": Look(SCENES, "direct", images="none"),
    "direct, wrong image": Look(SCENES, "direct", images="swapped"),
}


def main(words: list[str]) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", nargs="+", choices=bases.names(), default=list(bases.names()), metavar="NAME")
    parser.add_argument("--runs", type=Path, default=Path("runs/bases"))
    parser.add_argument("--grpo", action="store_true", help="also train GRPO (minutes)")
    parser.add_argument("--write", action="store_true", help="also into the facts of the bases")
    asked = parser.parse_args(words)
    use_portable()
    run = prepare(asked.runs.resolve(), asked.names)
    for name in asked.names:
        found = examine(run, name, grpo=asked.grpo)
        print(json.dumps({name: found}, indent=1), flush=True)
        if asked.write:
            known = bases.facts(name)
            measured = {**known.measured, **found}
            facts = known.model_copy(update={"measured": measured})
            write_atomic(bases.FOLDER / f"{name}.json", facts.model_dump_json(indent=1) + "\n")
    return 0


def prepare(root: Path, names: list[str]) -> GridRun:
    """Profile, world and sets."""
    profile = root / "examine.yaml"
    write_atomic(profile, yaml.safe_dump(settings(names), sort_keys=False))
    run = GridRun(load_profile(str(profile)), Layout(root), str(profile))
    if not run.layout.world().exists():
        run_stage("world", "world", run)
    for benchmark in (SCENES, SLIDES):
        if not run.layout.data(benchmark).exists():
            run_stage("data", benchmark, run)
        reword(run.layout.data(benchmark), root / "reworded" / benchmark)
    return run


def settings(names: list[str]) -> dict[str, Any]:
    """The profile of the committed bases, with these bases and a world of its own."""
    profile: dict[str, Any] = yaml.safe_load((PROFILES / f"{PROFILE}.yaml").read_text())
    profile |= {"name": "examine", "world": WORLD, "released": {}}
    sizes = {name: str(bases.facts(name).size) for name in names}
    by_size = {size: [one for one in names if sizes[one] == size] for size in sizes.values()}
    profile["models"] = {size: {"mini": size, "bases": of} for size, of in by_size.items()}
    profile["data"] = {name: {**profile["data"][name], "test": QUESTIONS} for name in (SCENES, SLIDES)}
    profile["default"] |= {"models": list(profile["models"]), "bases": names, "arms": ["matched"]}
    profile["training"]["common"] |= {"save_steps": CURVE, "save_total_limit": 10}
    return profile


def reword(source: Path, out: Path) -> None:
    """The set with every test question in another wording, drawn once for all bases."""
    whole, rng = prepared.load(source), random.Random(3)
    asked = [replace(one, stem=rng.choice(rewrites(one.stem))) for one in prepared.load(source, "test").questions]
    kept = ("benchmark", "generated", "seed", "split_rule")
    manifest = {key: value for key, value in whole.manifest.items() if key in kept}
    prepared.write(out, {"test": asked}, whole.image_root, manifest)


def examine(run: GridRun, name: str, *, grpo: bool) -> dict[str, Any]:
    """Everything that is measured of one base."""
    base = model_folder(bases.facts(name).size, name)
    run_stage("base", base, run)
    found: dict[str, Any] = {"zero-shot": {key: ask(run, run.layout.base(base), one) for key, one in UNTRAINED.items()}}
    for method, looks in (("cot-sft", COT_SFT), ("sft", SFT)):
        trained = train(run, name, method)
        found[method] = {key: ask(run, trained, one) for key, one in looks.items()}
    return found | ({"grpo": curve(run, name)} if grpo else {})


def train(run: GridRun, name: str, method: str) -> Path:
    """Folder of a policy that is trained from the base with seed 0."""
    cell = Cell(SCENES, bases.facts(name).size, method, 0, base=name)
    run_stage("train", cell.name, run)
    return run.layout.train(cell)


def curve(run: GridRun, name: str) -> dict[str, Any]:
    """GRPO's end on the questions of the test, and its way there on its own: the share of right rollouts."""
    trained = train(run, name, "grpo")
    rollouts = read(trained / LOG_NAME, "rollouts")
    steps = range(CURVE, int(rollouts["step"].max()) + 1, CURVE)
    right, at = rollouts[ACCURACY].to_numpy(float), rollouts["step"].to_numpy(int)
    last_ten = {step: right[(at > step - 10) & (at <= step)].mean() for step in steps}
    return {
        "end": ask(run, trained, UNTRAINED["think"]),
        "right rollouts, ten steps up to": {str(step): percent(share) for step, share in last_ten.items()},
    }


def ask(run: GridRun, policy: Path, look: Look) -> dict[str, float]:
    """Avg@5, its standard error over questions, and the share of parsed answers, in percent."""
    folder = run.layout.root / "reworded" if look.reworded else run.layout.root / "data"
    log = run.layout.root / "asked.sqlite"
    log.unlink(missing_ok=True)
    done = evaluate(
        look.benchmark, folder, policy, log, style=look.style, images=look.images, max_new_tokens=24, batch_size=32,
        progress=False,
    )  # fmt: skip
    table = question_table(score(log, folder / look.benchmark, run=done.run))
    right = table[[f"correct_{repeat}" for repeat in range(K)]].mean(axis=1)
    return {
        "avg": percent(right.mean()),
        "se": percent(float(right.to_numpy().std(ddof=1)) / len(right) ** 0.5),
        "parsed": percent(table["parsed"].mean() / K),
    }


def percent(share: float) -> float:
    """With one decimal."""
    return round(100 * float(share), 1)


if __name__ == "__main__":
    restart_portable("scripts.examine_bases", sys.argv[1:])
    sys.exit(main(sys.argv[1:]))
