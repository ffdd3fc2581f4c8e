"""Add a run of the mini profile to the committed results, and make again everything that follows from them.

    python -m baselines run --profile mini --bases all --seeds 0 1 2      # any part of the grid, on any machine
    python scripts/publish.py runs/mini                                   # into results/mini and results/calibration
    python scripts/publish.py                                             # only makes the reports again

The profile is portable, so results of several runs and machines add up. What the calibration alone needs (its methods,
its doses, further seeds; docs/calibration.md) has a store of its own. A result that is there already must have the same
numbers: where it has others, nothing is written, unless `--replace` takes those of the run. Nor is anything written if
a result of the run is of another profile or of other settings than the profile's, of a user's own method, or of
arithmetic that is not portable.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from anatomy_r1.errors import AnatomyR1Error  # noqa: E402
from anatomy_r1.evaluation.views import split_row  # noqa: E402
from anatomy_r1.files import write_output  # noqa: E402
from anatomy_r1.provenance import stated  # noqa: E402
from anatomy_r1.results.agreement import table_hash  # noqa: E402
from anatomy_r1.results.store import MATCHED, Result, find_store, load_cell, load_results  # noqa: E402
from anatomy_r1.training.curves import SUFFIXES  # noqa: E402
from anatomy_r1.training.method_names import TITLES  # noqa: E402
from baselines.experiment.cell import Cell, settings  # noqa: E402
from baselines.experiment.profile import Profile, digest, load_profile  # noqa: E402
from baselines.methods.registry import CALIBRATION  # noqa: E402

PROFILE = "mini"
MINI, KNOWN = Path("results/mini"), Path("results/calibration")
SEEDS = range(3)
"""Of `results/mini`, from all bases. Further seeds are of one base, for the calibration."""
RESULT = (".parquet", ".json")
"""Suffixes of a result's files, in the order in which they are written."""
CELLS = "store/sgg_anatomy_mini/mini-l"
COMPARED = (
    "grpo", "sft-grpo", "cot-sft-grpo", "gpg", "dapo", "grpo-asc", "grpo-gdqa", "grpo-gdqa-no-text",
    "grpo-gdqa-no-image", "grpo-asc-shuffled", "grpo-asc-pool",
)  # fmt: skip
"""The methods of `results/mini/family.yaml`, GRPO first."""
BENCHMARKS = ("SGG-VQA (Anatomy), mini world", "OmniMedVQA (MI), mini world")
"""Headings of Table 1, in the order of the page's columns."""


class Addition(NamedTuple):
    """A result of a run, as paths without suffix, and its curves if it has some."""

    source: Path
    target: Path
    curves: tuple[Path, Path] | None
    elsewhere: Path | None = None
    """The same result in the other store, where it no longer belongs."""

    @property
    def changes(self) -> bool:
        """Whether something is missing, or is where it does not belong."""
        lacks_curves = self.curves is not None and not is_there(self.curves[1])
        return not is_there(self.target) or lacks_curves or self.elsewhere is not None


def main(arguments: Sequence[str]) -> int:
    """Publish; returns 2 when a result differs from the committed one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", help="folder of the run, such as runs/mini (default: none)")
    parser.add_argument("--replace", action="store_true", help="take the run's numbers where they are others")
    options = parser.parse_args(arguments)
    try:
        found = additions(options.run, replace=options.replace) if options.run else []
        for one in found:
            add(one)
        print(f"{len(found)} new results")
        report(MINI, KNOWN)
        for folder, of in ((ROOT / MINI, blocks), (ROOT / KNOWN, known_blocks)):
            page = folder / "README.md"
            write_output(page, with_blocks(page.read_text(encoding="utf-8"), of(folder)))
    except AnatomyR1Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def additions(run: Path, *, replace: bool = False) -> list[Addition]:
    """The results of a run that are not committed, or are in the other store, or `replace` those of other numbers.

    Raises:
        AnatomyR1Error: The run has no results, one of them does not belong here, or a committed one has other numbers.
    """
    store = find_store(run)
    results = load_results(store)
    if strangers := [f"{one.key} ({why})" for one in results if (why := not_of_this_world(one))]:
        fix = f"name a run of the profile {PROFILE} in portable arithmetic"
        raise AnatomyR1Error(f"{run}: {len(strangers)} results do not belong here: {', '.join(strangers)}. Fix: {fix}")
    placed = [(one, *homes(one)) for one in results]
    different = {one.key for one, *paths in placed if any(differs(one, path) for path in paths)}
    if different and not replace:
        fix = "find out why (python -m anatomy_r1.results.agreement), or --replace them"
        named = ", ".join(sorted(different))
        raise AnatomyR1Error(f"{run}: {len(different)} results differ from the committed ones: {named}. Fix: {fix}")
    found = {
        one.key: Addition(store / one.key, home, curves_of(run, one), other if is_there(other) else None)
        for one, home, other in placed
    }
    return [one for key, one in found.items() if key in different or one.changes]


def homes(one: Result) -> tuple[Path, Path]:
    """Paths without suffix of a result in the store where it belongs, and in the other one."""
    stores = (KNOWN, MINI) if in_calibration(one) else (MINI, KNOWN)
    first, second = (ROOT / store / "store" / one.key for store in stores)
    return first, second


def is_there(path: Path) -> bool:
    """Whether there is a result at a path without suffix."""
    return suffixed(path, ".json").is_file()


def differs(one: Result, path: Path) -> bool:
    """Whether there is a result at a path without suffix, with other numbers."""
    return is_there(path) and table_hash(load_cell(suffixed(path, ".json"), one.key)) != table_hash(one)


def curves_of(run: Path, one: Result) -> tuple[Path, Path] | None:
    """The curves of a result of Table 1's store in the arm matched, and where they go, as paths without suffix."""
    curves = Path("curves", *Path(one.key).parts[:3], f"seed{one.seed}")
    drawn = not in_calibration(one) and one.arm == MATCHED and is_there(run / curves)
    return (run / curves, ROOT / MINI / curves) if drawn else None


def not_of_this_world(one: Result) -> str:
    """Why a result must not be added to the committed ones, whatever its numbers; empty if it may."""
    if one.profile != PROFILE:
        return f"profile {one.profile}"
    if one.model not in models():
        return f"no model of the profile {PROFILE}"
    arithmetic = stated(one.provenance, "arithmetic") or {}
    if arithmetic.get("mode") != "portable":
        return "native arithmetic"
    if not arithmetic.get("expected"):
        return "portable arithmetic with another fingerprint"
    if stated(one.provenance, "method", "file_sha256"):
        return "a method of a user's file"
    return other_settings(one)


def other_settings(one: Result) -> str:
    """What a result says of its training or sampling that the profile says otherwise; empty if nothing."""
    method, view = split_row(one.method)
    cell = Cell(one.benchmark, one.model, method, one.seed, view, base=one.base).in_arm(one.arm)
    plan, asked = stated(one.provenance, "training", "plan"), stated(one.provenance, "sampling") or {}
    if plan is not None and digest(plan) != digest(json.loads(json.dumps(settings(profile(), cell), default=str))):
        return f"trained with other settings than those of the profile {PROFILE}"
    named = ("temperature", "max_new_tokens")
    others = [name for name in named if stated(asked, "decoding", name) != profile().evaluation[name]]
    if asked and (others or asked.get("limit") is not None):
        return f"sampled with other settings than those of the profile {PROFILE}"
    return ""


def in_calibration(one: Result) -> bool:
    """Whether a result is the calibration's: of a known answer's method, a model with a dose, or a further seed."""
    of_method = one.method in {method.id for method in CALIBRATION}
    return of_method or "dose" in models()[one.model] or one.seed not in SEEDS


def models() -> Mapping[str, Mapping[str, Any]]:
    """The models of the profile."""
    return profile().models


@cache
def profile() -> Profile:
    """The profile whose results these are."""
    return load_profile(PROFILE)


def add(one: Addition) -> None:
    """Copy a result, after its curves, and remove it from where it no longer belongs."""
    if one.curves:
        copy(*one.curves, SUFFIXES)
    copy(one.source, one.target, RESULT)
    if one.elsewhere:
        for suffix in reversed(RESULT):
            suffixed(one.elsewhere, suffix).unlink()


def copy(source: Path, target: Path, suffixes: Sequence[str]) -> None:
    """Copy files that differ in their suffix; the last one says that the others are there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for suffix in suffixes:
        shutil.copyfile(suffixed(source, suffix), suffixed(target, suffix))


def suffixed(path: Path, suffix: str) -> Path:
    """A path with a suffix more."""
    return path.with_name(path.name + suffix)


def report(mini: Path, known: Path) -> None:
    """Tables, figures and comparisons of both stores, and the ledger."""
    store = mini / "store"
    for table in ("table2", "blind", "controls", "table1"):  # the last one's costs are those of all
        command("reports", table, "--store", store, "--out", mini)
    command("reports", "figures", "--store", mini, "--out", mini / "figures")
    systems = [mini / CELLS / method / MATCHED for method in COMPARED]
    family: tuple[str | Path, ...] = ("--family", mini / "family.yaml", "--allow-different", "seeds", "--all-pairs")
    command("anatomy_r1.cli", "compare", *systems, *family, "--out", mini / "comparisons.md")
    if (ROOT / known / "store").is_dir():
        command("reports", "calibration", "--store", store, known / "store", "--out", known)
    audit, curves = Path("results/audit"), mini / "figures" / "figure_statements.csv"
    command("reports", "ledger", "--store", store, "--audit", audit / "audit.json", "--curves", curves, "--out", audit)


def command(app: str, *words: str | Path) -> None:
    """Run one app in its own process, from the checkout's root; what it prints is in its files."""
    subprocess.run([sys.executable, "-m", app, *map(str, words)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def with_blocks(page: str, content: Mapping[str, Sequence[str]]) -> str:
    """The page with other lines between the marks of each block."""
    for name, lines in content.items():
        marks = [f"<!-- {name}: {edge} -->\n" for edge in ("begin", "end")]
        if not all(mark in page for mark in marks):
            raise AnatomyR1Error(f"the page has no place for its table {name}. Fix: write {''.join(marks)!r} there")
        before, rest = page.split(marks[0])
        page = before + marks[0] + "".join(f"{line}\n" for line in lines) + marks[1] + rest.split(marks[1])[1]
    return page


def blocks(mini: Path) -> dict[str, list[str]]:
    """The tables of the page of the mini world, from Table 1 and the comparisons: block -> lines of Markdown."""
    table = (mini / "table1.md").read_text(encoding="utf-8")
    compared = (mini / "comparisons.md").read_text(encoding="utf-8")
    return {"scores": [*_scores(table)], "family": [*_declared(compared)]}


def known_blocks(known: Path) -> dict[str, list[str]]:
    """The tables of the page of the calibration: block -> lines of Markdown. Why an answer is known is in the docs."""
    report = (known / "calibration.md").read_text(encoding="utf-8")
    answers, doses = ([*_grid(report, f"## {title}\n")] for title in ("Known answers", "Dose and response"))
    without_why = [re.sub(r", mini-l \(.*\)", "", _line(cells[:-1])) for cells in answers]
    return {"known": without_why, "doses": [_line(cells) for cells in doses if not cells[0].startswith("*")]}


def _scores(table1: str) -> Iterator[str]:
    yield "| mini-l | surgical questions, Avg@5 | Major@5 | slides, Avg@5 | Major@5 |"
    yield "| :-- | --: | --: | --: | --: |"
    first, second = ({row["Method"]: row for row in _rows(table1, f"### {heading}\n")} for heading in BENCHMARKS)
    for name, row in first.items():
        if row["Avg@5"] and "," not in name:  # neither the model's heading nor a view of the image
            cells = [one.get(metric, "—") for one in (row, second.get(name, {})) for metric in ("Avg@5", "Major@5")]
            yield _line([name, *cells])


def _declared(comparisons: str) -> Iterator[str]:
    shown = {
        "difference": "difference, points", "verdict": "these weights", "p (Holm)": "p (Holm)",
        "over clusters, seeds and bases": "another training, videos, base", "the method": "the method",
        "p (Holm), method": "p (Holm) of the method",
    }  # fmt: skip
    yield _line(["Comparison", *shown.values()])
    yield "| :-- | --: | :-- | --: | --: | :-- | --: |"
    baseline = ""
    for row in _rows(comparisons, "### avg@5, points\n"):
        name = row["System"]
        if "minus" in name:
            baseline = _title(name.strip("*").split()[-1])
        elif row["p (Holm)"] != "—":
            cells = [row[column].replace(" (these weights)", "") for column in shown]
            yield _line([f"{_title(name)} against {baseline}", *cells])


def _title(system: str) -> str:
    return TITLES[system.replace("\\", "").split("/")[1]]


def _rows(markdown: str, heading: str) -> Iterator[dict[str, str]]:
    """The rows of the table below a heading; of columns with one name, the first."""
    titles, _, *rows = _grid(markdown, heading)
    for cells in rows:
        yield dict(reversed([*zip(titles, cells, strict=True)]))


def _grid(markdown: str, heading: str) -> Iterator[list[str]]:
    """The cells of the table below a heading, the line below its titles included."""
    yield from map(_cells, markdown.split(heading)[1].strip("\n").split("\n\n")[0].splitlines())


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
