"""Run the grid, then print a table from what it left: two commands, because training and reporting never import
each other.

    python scripts/reproduce.py                                    Table 1 in the mini profile
    python scripts/reproduce.py --profile smoke                    another profile
    python scripts/reproduce.py --table 2                          Table 2, with its methods on its benchmark
    python scripts/reproduce.py --methods zero-shot sft --seeds 0  everything else goes to `python -m baselines run`
    python scripts/reproduce.py --method-file my_method.py         a method of your own: its row, then what it adds to
                                                                   every other method (docs/add-a-method.md)

Where cells of the grid failed, the table still shows the others, and the exit status is the grid's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_ALL_CELLS = 1
"""Exit status of a grid in which a cell failed; any higher one means that it did not run at all."""
TABLE2_METHODS = ("grpo-gdqa", "grpo-gdqa-no-text", "grpo-gdqa-no-image")
"""Rows of the paper's Table 2."""
TABLE2_BENCHMARK = "sgg_anatomy"
"""Its benchmark; the generated one's name has a suffix."""


def main(arguments: list[str]) -> int:
    """Both commands; returns an exit status."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--profile", default="mini")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--table", type=int, choices=(1, 2), default=1)
    known, others = parser.parse_known_args(arguments)
    if {"-h", "--help"} & set(others):
        print(__doc__)
        return command("baselines", "run", "--help")
    # What the person names comes later, and so wins.
    rows = table2_rows(known.profile) if known.table == 2 else []
    status = command("baselines", "run", "--profile", known.profile, "--runs", str(known.runs), *rows, *others)
    # A profile may be given as a file; it is kept under its name, which is the file's.
    run = known.runs / Path(known.profile).stem
    if status > NOT_ALL_CELLS or not (ROOT / run / "results").is_dir():
        return status  # it refused, was stopped, or only helped, and has said so itself
    reported = command("reports", f"table{known.table}", "--store", str(run / "results"), "--out", str(run / "reports"))
    own = own_methods(run / "grid.json") if any(word.startswith("--method-file") for word in others) else []
    compared = [compare(run, method) for method in own]
    return status or reported or max(compared, default=0)


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


def table2_rows(profile: str) -> list[str]:
    """Arguments that select Table 2's methods and, where the profile can be read, its benchmark."""
    benchmarks = [name for name in profile_benchmarks(profile) if name.removesuffix("_mini") == TABLE2_BENCHMARK]
    return ["--methods", *TABLE2_METHODS, *(["--benchmarks", *benchmarks] if benchmarks else [])]


def profile_benchmarks(profile: str) -> list[str]:
    """Benchmarks of a profile, a name or a file; none where there is no such profile, which the grid itself refuses."""
    import yaml  # of the shared environment, as everything that this script starts

    is_file = profile.endswith((".yaml", ".yml"))
    path = ROOT / (profile if is_file else f"baselines/profiles/{profile}.yaml")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return []
    data = content.get("data") if isinstance(content, dict) else None
    return [str(name) for name in data] if isinstance(data, dict) else []


def command(app: str, *arguments: str) -> int:
    """One app in its own process, from the checkout's root."""
    return subprocess.run([sys.executable, "-m", app, *arguments], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # the grid has said how to go on
        sys.exit(130)
