"""README: its findings are those of the committed results, and each of its commands is run or is named as not run."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import anatomy_r1 as ar
from anatomy_r1.cli.main import main
from anatomy_r1.results.store import load_results
from reports.tables.shortcuts import shortcuts

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
CELLS = ROOT / "results/mini/store/sgg_anatomy_mini/mini-l"
FIRST = ROOT / "results/mini-first/store/sgg_anatomy_mini/mini-l"
MINUS = "\N{MINUS SIGN}"

RUN_HERE = (
    "anatomy-r1 compare results/mini/store/sgg_anatomy_mini/mini-l/{grpo,cot-sft}/matched",
    "python -m reports site --store results/demo --out site",
    "anatomy-r1 score results/demo/responses/*/mini-l/cot-sft/seed0/*.sqlite --data results/demo/data",
)
"""Commands that are run on the committed results."""
RUN_ON_THE_DEMO = (
    "anatomy-r1 score responses.sqlite --data prepared/sgg",
    "anatomy-r1 compare base=base.sqlite mine=responses.sqlite --data prepared/sgg --out compare.html",
    "anatomy-r1 regress base.sqlite --data prepared/sgg --record reference.json",
    "anatomy-r1 regress responses.sqlite --data prepared/sgg --against reference.json --junit junit.xml",
)
"""Commands that are run, in this order, with logs and questions of the demo under the names of the README."""
NOT_RUN_HERE = {
    "git clone REPOSITORY anatomy-r1": "the clone itself",
    "python3.11 -m venv .venv": "an installation: tox.ini, light-py313",
    'pip install --no-compile -c constraints.txt -e ".[figures]"': "an installation: tox.ini, light-py313",
    'pip install -c constraints.txt ".[eval]"': "an installation of 5 GB: scripts/shared_env.py",
    "python3.11 -m pip install tox": "an installation: .ci/run",
    "tox -e reproduce-table1": "trains for half an hour: tox.ini, smoke",
    "tox -e reproduce-all": "trains for hours: tests/reports/test_reproduce.py",
    "tox": "the run that this is a part of: .ci/run",
    "anatomy-r1 evaluate sgg_anatomy --data prepared/sgg --model MODEL --log responses.sqlite": (
        "needs a model and real data: tests/cli/test_cli.py, on a tiny model"
    ),
    "lm-eval --tasks sgg_anatomy --model hf-multimodal --model_args pretrained=MODEL --apply_chat_template "
    "--metadata data=prepared/sgg": "needs a model and real data: tests/evaluation/test_stock.py, on a tiny model",
}
"""The other commands: why they are not run here, and the file that runs them in small."""
OPTIONS = {
    "--store results/mini": "python -m reports site",
    "--engine server --base-url ...": "python -m anatomy_r1.cli evaluate",
    "--method-file": "python scripts/reproduce.py",
    "--bases all --seeds 0 1 2 --benchmarks sgg_anatomy_mini": "python scripts/reproduce.py",
}
"""Options that the running text adds to a command, and the command that has them."""
PROGRAMS = ("anatomy-r1", "git", "hf", "lm-eval", "pip", "python", "python3.11", "tox")


def blocks():
    """Every command of the README's shell blocks, without comments; continued lines as one."""
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for command in re.split(r"\s+#", line)[0].split(" && "):
                yield " ".join(command.split())


def inline():
    """Every piece of code in the running text; a comment of a block may hold one too."""
    comments = re.findall(
        r"^[^`\n]*#(.*`.*)$", "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)), re.MULTILINE
    )
    text = "\n".join([re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL), *comments])
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", text)]


def test_every_command_is_run_or_named():
    in_text = [code for code in inline() if code.split()[0] in PROGRAMS and len(code.split()) > 2]
    found = [one for one in (*blocks(), *in_text) if not one.startswith((". ", "cd "))]
    assert len(found) > 14
    known = (*RUN_HERE, *RUN_ON_THE_DEMO, *NOT_RUN_HERE)
    assert set(found) == set(known)


def test_the_options_of_the_running_text_are_those_of_a_command():
    found = {code.removeprefix("-- ") for code in inline() if code.startswith("--")}
    assert found == set(OPTIONS)


@pytest.mark.slow
@pytest.mark.parametrize(("code", "command"), OPTIONS.items())
def test_a_command_has_the_options_that_the_running_text_adds(code, command):
    told = run(f"{command} --help", ROOT).stdout
    for option in re.findall(r"--[a-z-]+", code):
        assert re.search(rf"{option}\b", told), option
    for value in re.findall(r"(?:engine|arithmetic) ([a-z]+)", code):
        assert re.search(rf"\{{[^}}]*\b{value}\b", told), value


def test_every_command_that_is_named_alone_exists(capsys):
    named = {code.removeprefix("anatomy-r1 ") for code in inline() if re.fullmatch(r"(anatomy-r1 )?[a-z]+", code)}
    commands = named & {"compare", "evaluate", "export", "power", "regress", "score", "submit"}
    assert {"compare", "regress", "score", "submit"} <= commands
    for name in commands:
        with pytest.raises(SystemExit) as done:
            main([name, "--help"])
        assert done.value.code == 0


def test_reasons_name_files_that_exist():
    for reason in NOT_RUN_HERE.values():
        _, _, place = reason.partition(": ")
        assert not place or (ROOT / place.partition(",")[0]).exists(), reason


def run(command, folder):
    """As a shell reads it, with this interpreter's commands."""
    line = f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; {command}"
    return subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN_HERE)
def test_the_commands_of_the_thirty_seconds_run(command, tmp_path):
    done = run(command.replace("--out site", f"--out {shlex.quote(str(tmp_path / 'site'))}"), ROOT)
    assert done.returncode == 0, done.stderr
    texts = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    shown = {"compare": texts[0], "score": texts[1]}.get(command.split()[1], "")
    assert set(shown.splitlines()) <= set(done.stdout.splitlines())


@pytest.mark.slow
def test_the_commands_on_logs_run_on_those_of_the_demo(tmp_path):
    logs = ROOT / "results/demo/responses/sgg_anatomy_mini/mini-l"
    for name, method in (("base", "grpo"), ("responses", "cot-sft")):
        (log,) = (logs / method).rglob("*.sqlite")
        shutil.copy(log, tmp_path / f"{name}.sqlite")
    shutil.copytree(ROOT / "results/demo/data/sgg_anatomy_mini", tmp_path / "prepared/sgg")
    for command in RUN_ON_THE_DEMO:
        done = run(command, tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert "is better" in (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert "<testsuite" in (tmp_path / "junit.xml").read_text(encoding="utf-8")


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
    ("cells", "other"),
    [(CELLS, "grpo-asc"), (CELLS, "grpo-gdqa"), (CELLS, "dapo"), (FIRST, "grpo-asc"), (FIRST, "grpo-gdqa")],
    ids=["asc", "gdqa", "dapo", "first-asc", "first-gdqa"],
)
def test_the_differences_are_those_of_the_method(cells, other):
    """Over clusters, seeds and bases; of the first mini world, whose order is taken back, over clusters and seeds."""
    found = ar.compare(cells / "grpo" / "matched", cells / other / "matched")
    assert f"{signed(found.difference)} points {interval(*found.over_seeds)}" in PAGE


def test_what_is_not_enough_to_call_dapo_better():
    """Its p among the ten declared comparisons, from the page of the mini world, which the committed reports fill."""
    page = (ROOT / "results/mini/README.md").read_text(encoding="utf-8")
    (row,) = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| DAPO against GRPO")]
    assert row[5] == "underpowered"
    assert f"p is {float(row[6]):.2f} once ten comparisons are allowed for" in PAGE


def test_the_known_answers_are_those_of_the_calibration():
    """Three bases and seeds, then nine seeds of one base: from the page whose tables the committed report fills."""
    page = (ROOT / "results/calibration/README.md").read_text(encoding="utf-8")
    title = "| GRPO \N{RIGHTWARDS ARROW} GRPO, 10 % flipped rewards"
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith(title)]
    told = []
    for row in rows:
        difference, *_, low, high = map(float, re.findall(r"[+-][\d.]+", row[2]))
        told.append((signed(difference), interval(low, high), row[4], row[6]))
    assert [one[2:] for one in told] == [("underpowered", "missed"), ("worse", "as expected")]
    (crossed, deep) = told
    assert f"{deep[0]} points {deep[1]} of Avg@5 with nine seeds, found" in PAGE
    assert f"{crossed[0]} {crossed[1]} with three bases and seeds, missed" in PAGE
    assert "false alarm" not in {line.strip("| ").split(" | ")[-1] for line in page.splitlines()}


def test_the_gains_are_those_of_the_doses():
    """Of ASC and GDQA: lowest and highest mean, and how often the interval of the method ends below the number told."""
    page = (ROOT / "results/calibration/README.md").read_text(encoding="utf-8")
    table = page.split("<!-- doses: begin -->\n")[1].split("<!-- doses: end -->")[0].splitlines()[2:]
    rows = [line.strip("| ").split(" | ") for line in table]
    assert len(rows) == 5 and all(row[column] == "0, 1, 2 x mini-l-1" for row in rows for column in (2, 4, 6))
    for column, name, against, most, times in ((3, "ASC-Learning", " against GRPO", 2.2, 4), (5, "GDQA", "", 3.8, 3)):
        numbers = [[float(one) for one in re.findall(r"[+-][\d.]+", row[column])] for row in rows]
        means = [one[0] for one in numbers]
        assert f"{name} {signed(min(means))} to {signed(max(means))}{' points' if against else ''}{against}" in PAGE
        highs = sorted(one[-1] for one in numbers)
        assert sum(high <= most for high in highs) == times and most - highs[times - 1] < 0.1
    assert "above 2.2 points of ASC-Learning are excluded at four doses, above 3.8 of GDQA at three" in PAGE


def test_the_other_machine_is_that_of_the_first_page():
    """ASC minus GRPO, as README says, from the table of three machines in the page of the mini world."""
    page = (ROOT / "results/mini/README.md").read_text(encoding="utf-8")
    (row,) = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| a third")]
    assert f"{signed(float(row[4]) - float(row[1]))} on another machine" in PAGE


def test_the_cells_that_do_not_fit_are_those_of_the_audit():
    told = json.dumps(json.loads((ROOT / "results/audit/audit.json").read_text(encoding="utf-8")))
    for cells, questions in (("30 of 54 cells", "522"), ("5 of 69 cells", "1,000")):
        assert re.search(rf"{cells} cannot result from N = {questions} questions", told)
        assert cells.removesuffix(" cells") in PAGE and questions in PAGE
    assert "97.4 to 99.7 %" in told and "97.4 to 99.7 %" in PAGE
