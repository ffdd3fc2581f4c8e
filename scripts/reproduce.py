"""Run the grid, then report its results: two commands, because training and reporting never import each other.

    python scripts/reproduce.py                                    Table 1 in the mini profile
    python scripts/reproduce.py --profile smoke                    another profile
    python scripts/reproduce.py --table 2                          Table 2, with its methods on its benchmark
    python scripts/reproduce.py --artefact figures                 every figure, with its methods, over three seeds
    python scripts/reproduce.py --artefact shortcuts               what is learnt from options alone (docs/blind.md)
    python scripts/reproduce.py --artefact calibration             known answers (docs/calibration.md)
    python scripts/reproduce.py --artefact doses                   what ASC and GDQA gain by dose of their mechanism
    python scripts/reproduce.py --artefact all                     everything but these two, one after the other
    python scripts/reproduce.py --artefact all --store results/mini    from a store, without training
    python scripts/reproduce.py --methods zero-shot sft --seeds 0  other options go to `python -m baselines run`
    python scripts/reproduce.py --method-file my_method.py         your own method: its row, then a comparison with
                                                                   every other method (docs/add-a-method.md)

If cells of the grid fail, the report still shows the others, and the exit status is the grid's.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
NOT_ALL_CELLS = 1
"""Exit status of a grid in which a cell failed; a higher one means that it did not run at all."""
SIGNALLED = 128
"""Exit status, less the signal, of an app that a signal ended."""
GRACE = 3.0
"""Seconds for an app that may have been interrupted already (ours); tox waits for 30."""
COMMITTED = Path("results")
"""Folder of the committed results, below it one for each profile."""
PAPER_BENCHMARK = "sgg_anatomy"
"""Benchmark of the paper's Table 2 and figures; the generated one's name has a suffix."""


class Artefact(NamedTuple):
    """A table, figure or other output."""

    report: Callable[[Path, Path], int]
    """(folder with a store, folder to write to) -> exit status."""
    methods: tuple[str, ...] = ()
    """Empty for the profile's default."""
    one_benchmark: bool = False
    """Whether it covers only the benchmark of the paper's Table 2 and figures."""
    benchmarks: tuple[str, ...] = ()
    """Its own benchmarks; `all` leaves it out in a profile that lacks them."""
    further: tuple[str, ...] = ()
    """Additional arguments of the grid."""
    compares: bool = False
    """Whether the user's own methods are compared with every other method."""
    of_doses: bool = False
    """Whether it runs on the models that the profile gives a dose, and on no others."""
    alone: bool = False
    """Whether `all` leaves it out: it tests the instrument, not the paper."""


def main(arguments: list[str]) -> int:
    """Run the grid and the report of each requested artefact; returns the worst exit status."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--profile", default="mini")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    wanted = parser.add_mutually_exclusive_group()
    wanted.add_argument("--table", type=int, choices=(1, 2), default=1)
    wanted.add_argument("--artefact", choices=(*ARTEFACTS, "all"))
    parser.add_argument("--store", type=Path, help="folder with a result store and curves: nothing is trained")
    known, others = parser.parse_known_args(arguments)
    if {"-h", "--help"} & set(others):
        print(__doc__)
        return command("baselines", "run", "--help")
    if known.store and others:
        parser.error(f"--store trains nothing and reports all that is there: leave out {' '.join(others)}")
    for word in others:  # the grid would take it, and the report would be that of another run
        for name in ("--profile", "--runs"):
            if len(word.partition("=")[0]) > len("--") and name.startswith(word.partition("=")[0]):
                parser.error(f"{word}: write {name} in full")
    every = [name for name, artefact in ARTEFACTS.items() if not artefact.alone]
    names = every if known.artefact == "all" else [known.artefact or f"table{known.table}"]
    worst = 0
    for artefact in (ARTEFACTS[name] for name in names):
        if known.store:
            worst = max(worst, artefact.report(known.store, known.store))
            continue
        grid, report = trained_and_reported(artefact, known.profile, known.runs, others)
        worst = max(worst, grid, report)
        if grid > NOT_ALL_CELLS:
            break
    return worst


def trained_and_reported(artefact: Artefact, profile: str, runs: Path, others: Sequence[str]) -> tuple[int, int]:
    """Run an artefact's part of the grid, then its report; returns the exit status of each."""
    asked = ["--methods", *artefact.methods] if artefact.methods else []
    benchmarks, dosed = list(section(profile, "data")), with_dose(profile)
    if artefact.of_doses and not dosed:
        print(f"profile {profile} has no model with a dose: nothing to run", file=sys.stderr)
        return 0, 0
    asked += ["--models", *dosed] if artefact.of_doses else []
    papers = [name for name in benchmarks if name.removesuffix("_mini") == PAPER_BENCHMARK]
    if absent := [name for name in artefact.benchmarks if name not in benchmarks]:
        print(f"profile {profile} has no {' and no '.join(absent)}: nothing to run", file=sys.stderr)
        return 0, 0
    if artefact.benchmarks:
        asked += ["--benchmarks", *artefact.benchmarks]
    if artefact.one_benchmark and papers:
        asked += ["--benchmarks", *papers]
    asked += [*artefact.further, *others]  # the user's arguments come last and take precedence
    status = command("baselines", "run", "--profile", profile, "--runs", str(runs), *asked)
    run = run_folder(runs, profile)
    if status > NOT_ALL_CELLS or not (ROOT / run / "results").is_dir():
        return status, 0  # it refused, was stopped or printed help, and said so itself
    reported = artefact.report(run, run / "reports")
    asks = artefact.compares and any(word.startswith("--method-file") for word in others)
    own = json.loads((ROOT / run / "grid.json").read_text(encoding="utf-8"))["own"] if asks else []
    compared = [compare(run, method) for method in own]
    if artefact.compares:
        tell_agreement(run)
    return status, max(reported, *compared, 0)


def tell_agreement(run: Path) -> None:
    """Say in one line whether seed 0's numbers are the committed ones; that they differ is no failure of the run."""
    committed = COMMITTED / run.name
    if (ROOT / committed / "store").is_dir():
        print(flush=True)
        command("anatomy_r1.results.agreement", str(run), str(committed), "--seeds", "0")


def compare(run: Path, method: str) -> int:
    """Compare a method with every other one: verdicts on the screen, all of it in files. Each has its own prompts."""
    files = [word for suffix in ("html", "json", "md") for word in ("--out", f"{run}/reports/{method}.{suffix}")]
    print(f"\n{method} against every other method; all tables: {run}/reports/{method}.html\n", flush=True)
    options = ["--new", method, "--allow-different", "prompts", "--flips", "3", "--brief"]
    return command("anatomy_r1.cli", "compare", str(run / "results"), *options, *files)


def of_store(name: str, below: str = "") -> Callable[[Path, Path], int]:
    """The report of that name, made from the result store only and written to the subfolder `below`."""
    return lambda folder, out: command("reports", name, "--store", str(store_in(folder)), "--out", str(out / below))


def figures(folder: Path, out: Path) -> int:
    """Every figure and its statements."""
    return command("reports", "figures", "--store", str(folder), "--out", str(out / "figures"))


def ledger(folder: Path, out: Path) -> int:
    """The audit of the paper's numbers, and the ledger of its claims."""
    audit = out / "audit"
    status = command("reports", "audit", "--out", str(audit))
    statements = out / "figures" / "figure_statements.csv"
    curves = ["--curves", str(statements)] if (ROOT / statements).is_file() else []
    words = ["--store", str(store_in(folder)), "--audit", str(audit / "audit.json"), "--out", str(audit)]
    return max(status, command("reports", "ledger", *words, *curves))


def site(folder: Path, out: Path) -> int:
    """The static site; with responses and rollouts if there is a run."""
    store = store_in(folder)
    source = ["--run", str(folder)] if store.name == "results" else ["--store", str(store)]
    return command("reports", "site", "--out", str(out / "site"), *source)


def store_in(folder: Path) -> Path:
    """The result store in a folder of runs, or in a committed folder."""
    return folder / "results" if (ROOT / folder / "results").is_dir() else folder / "store"


def run_folder(runs: Path, profile: str) -> Path:
    """Folder of a profile's runs: its `name`, which may differ from its file's name."""
    return runs / str(read_profile(profile).get("name") or Path(profile).stem)


def section(profile: str, name: str) -> dict[str, Any]:
    """A section of a profile; empty if it has none."""
    found = read_profile(profile).get(name)
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def with_dose(profile: str) -> list[str]:
    """Models of a profile that are given a dose (docs/calibration.md)."""
    models = section(profile, "models").items()
    return [name for name, model in models if isinstance(model, dict) and "dose" in model]


def read_profile(profile: str) -> dict[str, Any]:
    """A profile, by name or file; empty if there is no valid one, which the grid itself will report."""
    import yaml  # from the shared environment, like everything that this script starts

    is_file = profile.endswith((".yaml", ".yml"))
    path = ROOT / (profile if is_file else f"baselines/profiles/{profile}.yaml")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def command(app: str, *arguments: str) -> int:
    """Run one app in its own process, from the checkout's root; when interrupted, wait until it has ended by itself.

    Returns its exit status; that of an app that a signal ended (out of memory, say) is 128 and the signal, as in a
    shell: Python's own is below zero, which is no worst status.
    """
    process = subprocess.Popen([sys.executable, "-m", app, *arguments], cwd=ROOT)
    try:
        status = process.wait()
        return SIGNALLED - status if status < 0 else status
    except KeyboardInterrupt:
        if not _ended(process):  # a terminal interrupts the app as well, tox this process alone
            process.send_signal(signal.SIGINT)
        process.wait()
        raise


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it ends by itself within a few seconds."""
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        return False
    return True


TABLE_2 = ("grpo-gdqa", "grpo-gdqa-no-text", "grpo-gdqa-no-image")
CONTROLLED = ("zero-shot", "cot-sft", "grpo", "control-majority", "control-naive-bayes")
"""One policy of each kind of training, and the untrained one."""
LINES, THREE_SEEDS = ("grpo", "grpo-asc", "grpo-gdqa"), ("--seeds", "0", "1", "2")
"""Of the paper's figures. Seeds are ours: with one, lines have no band and statements no interval."""
TWINS = ("omnimed_mi_confounded_mini", "omnimed_mi_balanced_mini")
"""The slides with distractors that are never right, and with balanced ones (docs/blind.md)."""
KNOWN_ANSWERS = (
    "sft", "cot-sft", "grpo", "grpo-again", "grpo-gdqa-off", "grpo-flipped", "grpo-twice", "grpo-asc-pool",
    "grpo-asc-shuffled",
)  # fmt: skip
SHORTCUTS = ("zero-shot", "sft", "grpo", "control-majority", "control-naive-bayes")
ARTEFACTS = {
    "table1": Artefact(of_store("table1"), compares=True),
    "table2": Artefact(of_store("table2"), TABLE_2, one_benchmark=True),
    "figures": Artefact(figures, LINES, one_benchmark=True, further=THREE_SEEDS),
    "cards": Artefact(of_store("cards", "cards")),
    "blind": Artefact(of_store("blind")),
    "controls": Artefact(of_store("controls"), CONTROLLED, further=("--views", "all")),
    "shortcuts": Artefact(
        of_store("shortcuts", "shortcuts"),
        SHORTCUTS,
        benchmarks=TWINS,
        further=("--views", "plain", "no-image", "balanced", *THREE_SEEDS),
    ),
    "calibration": Artefact(
        of_store("calibration"), KNOWN_ANSWERS, one_benchmark=True, further=THREE_SEEDS, alone=True
    ),
    "doses": Artefact(
        of_store("calibration"), LINES, one_benchmark=True, further=THREE_SEEDS, of_doses=True, alone=True
    ),
    "ledger": Artefact(ledger),
    "site": Artefact(site),
}
"""In the order in which `--artefact all` makes them. Add a new one here."""

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # the grid has said how to resume
        sys.exit(130)
