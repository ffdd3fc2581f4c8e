"""Run the grid, then report what it left: two commands, because training and reporting never import each other.

    python scripts/reproduce.py                                    Table 1 in the mini profile
    python scripts/reproduce.py --profile smoke                    another profile
    python scripts/reproduce.py --table 2                          Table 2, with its methods on its benchmark
    python scripts/reproduce.py --artefact figures                 every figure, likewise, of three seeds
    python scripts/reproduce.py --artefact all                     everything there is, one after the other
    python scripts/reproduce.py --artefact all --store results/mini    from a store, without training
    python scripts/reproduce.py --methods zero-shot sft --seeds 0  everything else goes to `python -m baselines run`
    python scripts/reproduce.py --method-file my_method.py         a method of your own: its row, then what it adds to
                                                                   every other method (docs/add-a-method.md)

Where cells of the grid failed, the report still shows the others, and the exit status is the grid's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
NOT_ALL_CELLS = 1
"""Exit status of a grid in which a cell failed; any higher one means that it did not run at all."""
TABLE2_METHODS = ("grpo-gdqa", "grpo-gdqa-no-text", "grpo-gdqa-no-image")
"""Rows of the paper's Table 2."""
FIGURE_METHODS = ("grpo", "grpo-asc", "grpo-gdqa")
"""Lines of the paper's figures."""
FIGURE_SEEDS = ("0", "1", "2")
"""Ours: a line without a second seed has no band, and no statement an interval."""
CONTROLLED = ("zero-shot", "cot-sft", "grpo", "control-majority", "control-naive-bayes")
"""Rows of the table of controls: a policy of either kind of training, and the untrained one."""
PAPER_BENCHMARK = "sgg_anatomy"
"""Benchmark of the paper's Table 2 and figures; the generated one's name has a suffix."""


Report = Callable[[Path, Path], int]
"""(folder with a store, folder to write to) -> exit status."""


class Artefact(NamedTuple):
    """Something that the paper has and this repeats."""

    report: Report
    methods: tuple[str, ...] = ()
    """Its part of the grid; where none are named, what the profile runs by itself."""
    one_benchmark: bool = False
    """Whether it is about the benchmark of the paper's Table 2 and figures alone."""
    further: tuple[str, ...] = ()
    """Further arguments of the grid."""
    compares: bool = False
    """Whether a method of one's own is then held against every other."""


def main(arguments: list[str]) -> int:
    """The grid and the report of each artefact asked for; returns an exit status."""
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
    names = list(ARTEFACTS) if known.artefact == "all" else [known.artefact or f"table{known.table}"]
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
    """An artefact's part of the grid, then its report: the exit status of each."""
    # What the person names comes later, and so wins.
    status = command("baselines", "run", "--profile", profile, "--runs", str(runs), *rows(artefact, profile), *others)
    run = run_folder(runs, profile)
    if status > NOT_ALL_CELLS or not (ROOT / run / "results").is_dir():
        return status, 0  # it refused, was stopped, or only helped, and has said so itself
    reported = artefact.report(run, run / "reports")
    asks = artefact.compares and any(word.startswith("--method-file") for word in others)
    compared = [compare(run, method) for method in (own_methods(run / "grid.json") if asks else [])]
    return status, max(reported, *compared, 0)


def rows(artefact: Artefact, profile: str) -> list[str]:
    """Arguments that select an artefact's part of the grid."""
    methods = ["--methods", *artefact.methods] if artefact.methods else []
    benchmarks = papers_benchmark(profile) if artefact.one_benchmark else []
    return [*methods, *benchmarks, *artefact.further]


def own_methods(grid: Path) -> list[str]:
    """Ids of the methods that the grid took from files; it has written them down."""
    return list(json.loads((ROOT / grid).read_text(encoding="utf-8"))["own"])


def compare(run: Path, method: str) -> int:
    """What a method adds to every other one, on the screen and in files.

    Methods are asked in their own prompts, which the comparison says before any number.
    """
    files = [word for suffix in ("html", "json", "md") for word in ("--out", f"{run}/reports/{method}.{suffix}")]
    print(f"\n{method} against every other method (docs/statistics.md):\n", flush=True)
    options = ["--new", method, "--allow-different", "prompts", "--flips", "3"]
    return command("anatomy_r1.cli", "compare", str(run / "results"), *options, *files)


def of_store(name: str, below: str = "") -> Report:
    """The report of that name, which needs the result store alone; written to a folder `below`."""
    return lambda folder, out: command("reports", name, "--store", str(store_in(folder)), "--out", str(out / below))


def figures(folder: Path, out: Path) -> int:
    """Every figure, and their statements."""
    return command("reports", "figures", "--store", str(folder), "--out", str(out / "figures"))


def ledger(folder: Path, out: Path) -> int:
    """The audit of the paper's numbers, and every claim with what was done about it."""
    audit = out / "audit"
    status = command("reports", "audit", "--out", str(audit))
    statements = out / "figures" / "figure_statements.csv"
    curves = ["--curves", str(statements)] if (ROOT / statements).is_file() else []
    words = ["--store", str(store_in(folder)), "--audit", str(audit / "audit.json"), "--out", str(audit)]
    return max(status, command("reports", "ledger", *words, *curves))


def site(folder: Path, out: Path) -> int:
    """The static site, with responses and rollouts where there is a run."""
    store = store_in(folder)
    source = ["--run", str(folder)] if store.name == "results" else ["--store", str(store)]
    return command("reports", "site", "--out", str(out / "site"), *source)


def store_in(folder: Path) -> Path:
    """The result store of a folder of runs, or of a committed one."""
    return folder / "results" if (ROOT / folder / "results").is_dir() else folder / "store"


def papers_benchmark(profile: str) -> list[str]:
    """Arguments that select the benchmark of the paper's Table 2 and figures."""
    data = read_profile(profile).get("data")
    benchmarks = [str(name) for name in data] if isinstance(data, dict) else []
    papers = [name for name in benchmarks if name.removesuffix("_mini") == PAPER_BENCHMARK]
    return ["--benchmarks", *papers] if papers else []


def run_folder(runs: Path, profile: str) -> Path:
    """Where the grid keeps a profile's runs: under its name, which may be another than its file's."""
    return runs / str(read_profile(profile).get("name") or Path(profile).stem)


def read_profile(profile: str) -> dict[str, Any]:
    """A profile, by name or file; empty where there is no such profile, which the grid itself refuses."""
    import yaml  # of the shared environment, as everything that this script starts

    is_file = profile.endswith((".yaml", ".yml"))
    path = ROOT / (profile if is_file else f"baselines/profiles/{profile}.yaml")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def command(app: str, *arguments: str) -> int:
    """One app in its own process, from the checkout's root."""
    return subprocess.run([sys.executable, "-m", app, *arguments], cwd=ROOT, check=False).returncode


ARTEFACTS = {
    "table1": Artefact(of_store("table1"), compares=True),
    "table2": Artefact(of_store("table2"), TABLE2_METHODS, one_benchmark=True),
    "figures": Artefact(figures, FIGURE_METHODS, one_benchmark=True, further=("--seeds", *FIGURE_SEEDS)),
    "cards": Artefact(of_store("cards", "cards")),
    "controls": Artefact(of_store("controls"), CONTROLLED, further=("--views", "all")),
    "ledger": Artefact(ledger),
    "site": Artefact(site),
}
"""All of them, in the order in which `--artefact all` makes them. A new one is a line here."""

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # the grid has said how to go on
        sys.exit(130)
