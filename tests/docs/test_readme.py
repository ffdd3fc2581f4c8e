"""README: its findings are those of the committed results, and each of its commands is run or is named as not run."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import anatomy_r1 as ar
from anatomy_r1.results.store import load_results
from reports.tables.shortcuts import shortcuts

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
CELLS = ROOT / "results/mini/store/sgg_anatomy_mini/mini-l"
MINUS = "\N{MINUS SIGN}"

RUN_HERE = (
    "anatomy-r1 compare results/mini/store/sgg_anatomy_mini/mini-l/{grpo,cot-sft}/matched",
    "python -m reports site --store results/demo --out site",
    "anatomy-r1 score results/demo/responses/*/mini-l/cot-sft/seed0/*.sqlite --data results/demo/data",
)
NOT_RUN_HERE = {
    "git clone REPOSITORY": "the clone itself",
    "python3.11 -m venv": "an installation: tox -e light-py313 installs the package",
    "pip install --no-compile -c constraints.txt": "an installation: tox -e light-py313 installs the package",
    "python3.11 -m pip install tox": "an installation: .ci/run installs tox",
    "tox -e reproduce-table1": "trains for half an hour: tox -e smoke runs it in small",
    "tox -e reproduce-all": "tests/reports runs each artefact on the committed store",
    "tox": "this is the run",
    "anatomy-r1 evaluate": "needs a model: tests/evaluation runs it on a tiny one",
    "anatomy-r1 score responses.sqlite": "needs a log: tests/evaluation/test_stock.py",
    "lm-eval": "needs a model: tests/evaluation/test_stock.py runs it on a tiny one",
    "anatomy-r1 compare base=base.sqlite": "needs logs: tests/comparison",
    "anatomy-r1 regress": "needs logs: tests/comparison/regression_gate",
}
"""Beginnings of the README's other commands, and why they are not run here."""


def commands():
    """Every command of the README's shell blocks, without comments; continued lines as one."""
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for command in line.partition("  #")[0].split(" && "):
                yield " ".join(command.split())


def test_every_command_is_run_or_named():
    found = [one for one in commands() if not one.startswith((". ", "cd "))]
    assert len(found) > 12
    known = (*RUN_HERE, *NOT_RUN_HERE)
    assert not [one for one in found if not one.startswith(known)]
    assert not [one for one in known if not any(command.startswith(one) for command in found)]


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN_HERE)
def test_the_commands_of_the_thirty_seconds_run(command, tmp_path):
    """As a shell reads them, with this interpreter's commands, the site elsewhere."""
    line = command.replace("--out site", f"--out {shlex.quote(str(tmp_path / 'site'))}")
    line = f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; {line}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    blocks = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    shown = {"compare": blocks[0], "score": blocks[1]}.get(command.split()[1], "")
    assert set(shown.splitlines()) <= set(done.stdout.splitlines())


def signed(value):
    return f"{value:+.1f}".replace("-", MINUS)


def interval(low, high):
    return f"\\[{low:.1f}, {high:.1f}\\]".replace("-", MINUS)


def test_what_the_list_of_options_gives_away():
    found = {
        (one.policy.benchmark, one.policy.method): one.scores
        for one in shortcuts(load_results(ROOT / "results/shortcuts/store"))
    }
    sft = found["omnimed_mi_confounded_mini", "sft"]
    for view in ("no-image", "balanced"):
        assert f"{sft[view].percent:.1f} % {interval(sft[view].low, sft[view].high)}" in PAGE


@pytest.mark.parametrize(
    ("base", "other", "turned"), [("grpo", "grpo-asc", 1), ("grpo-gdqa", "grpo-gdqa-no-text", 1)], ids=["ASC", "GDQA"]
)
def test_the_differences_are_those_over_clusters_and_seeds(base, other, turned):
    found = ar.compare(CELLS / base / "matched", CELLS / other / "matched")
    assert f"{signed(found.difference)} points {interval(*found.over_seeds)}" in PAGE


def test_the_second_base_is_that_of_the_mini_page():
    assert f"+3.3 {interval(-8.5, 15.0)}" in PAGE
    page = " ".join((ROOT / "results/mini/README.md").read_text(encoding="utf-8").split())
    assert (
        "3.3 \\[+1.1, +5.5\\] above it on AVX2 (better, for these weights; over clusters and seeds \\[-8.5, +15.0\\])"
        in page
    )


def test_the_cells_that_do_not_fit_are_those_of_the_audit():
    told = json.dumps(json.loads((ROOT / "results/audit/audit.json").read_text(encoding="utf-8")))
    for cells, questions in (("30 of 54 cells", "522"), ("5 of 69 cells", "1,000")):
        assert re.search(rf"{cells} cannot result from N = {questions} questions", told)
        assert cells.removesuffix(" cells") in PAGE and questions in PAGE
    assert "97.4 to 99.7 %" in told and "97.4 to 99.7 %" in PAGE
