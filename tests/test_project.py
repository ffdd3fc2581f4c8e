"""What the project promises about itself: the lock, the README's commands, the front door."""

import configparser
import fcntl
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shared_env = script("shared_env")
reproduce = script("reproduce")


def tox():
    # tox lets one line stand for another section's; configparser would take the percent sign for its own.
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini")
    return parser


def requirements():
    extras = PROJECT["optional-dependencies"]
    return [*PROJECT["dependencies"], *(line for name in extras for line in extras[name])]


@pytest.mark.parametrize("requirement", requirements())
def test_every_dependency_is_locked_and_the_lock_agrees(requirement):
    """Ranges are in pyproject.toml, exact versions in the lock alone; a newer lock may not leave a range."""
    parsed = Requirement(requirement)
    assert not any(one.operator in ("==", "===") for one in parsed.specifier)
    if parsed.name == PROJECT["name"]:  # an extra that includes others
        assert parsed.extras <= set(PROJECT["optional-dependencies"])
    else:
        assert parsed.specifier.contains(PINS[canonicalize_name(parsed.name)])


def test_the_lock_pins_each_package_once_and_nothing_but_versions():
    lines = (ROOT / "constraints.txt").read_text().split()
    assert len(PINS) == len(lines)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*==[0-9][a-z0-9.]*", line) for line in lines)


def test_the_readmes_tox_environments_exist():
    named = set(re.findall(r"tox -e ([a-z0-9-]+)", (ROOT / "README.md").read_text()))
    assert "reproduce-table1" in named
    assert named <= {section.removeprefix("testenv:") for section in tox().sections()}


def test_ci_runs_the_readmes_test_command():
    """Bare `tox`: lint, tests and the smoke profile. Beside and after it runs what not every machine can have."""
    run = (ROOT / ".ci" / "run").read_text()
    assert [line.strip() for line in run.splitlines() if "bin/tox" in line] == [
        "if [[ ! -x $tools/bin/tox ]]; then",
        '"$tools/bin/tox" -e vllm,vllm-trainer >.tox/vllm.log 2>&1 &',
        '"$tools/bin/tox" "$@"',
        '"$tools/bin/tox" -e slurm',
        'PATH="$PATH${newest:+:${newest%/*}}" "$tools/bin/tox" -e "$light"',
    ]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert tox()["tox"]["env_list"] == "lint, docs, tests, smoke"
    assert re.search(r"^tox\b", (ROOT / "README.md").read_text(), re.MULTILINE)


def test_files_that_the_metadata_names_exist():
    for name in (PROJECT["readme"], *PROJECT["license-files"]):
        assert (ROOT / name).is_file()


def test_the_tree_of_contributing_names_only_what_exists():
    tree = re.search(r"```text\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL).group(1)
    names = [line.split()[0] for line in tree.splitlines() if line.strip()]
    assert len(names) > 10
    missing = [name for name in names if not (ROOT / name).exists()]
    assert not missing


def test_documentation_names_only_files_that_exist():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    pages += [path for package in ("anatomy_r1", "baselines", "reports") for path in (ROOT / package).rglob("*.py")]
    pattern = re.compile(
        r"(?<![\w./{])((?:anatomy_r1|baselines|reports|tests|scripts|tasks|docs)/[\w./-]*\w)(?![\w*<{/])"
    )
    named = {(name, page) for page in pages for name in pattern.findall(page.read_text(encoding="utf-8"))}
    assert len(named) > 100
    assert not [(name, page.name) for name, page in named if not (ROOT / name).exists()]


def test_the_version_is_the_changelogs():
    versions = re.findall(r"^## ([0-9.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == PROJECT["version"]
    assert f"version: {PROJECT['version']}" in (ROOT / "CITATION.cff").read_text()


@pytest.fixture
def copy(tmp_path):
    """The two files that decide what the shared environment holds."""
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    return tmp_path


@pytest.mark.parametrize(
    ("name", "old", "new", "changes"),
    [
        ("constraints.txt", "tqdm==", "tqdm==9", True),
        ("pyproject.toml", '"tqdm>=4.66",', "", True),
        ("pyproject.toml", "line-length = 120", "line-length = 121", False),
    ],
    ids=["a pin", "a dependency", "a tool's setting"],
)
def test_the_shared_environment_is_rebuilt_when_what_it_holds_changes(copy, name, old, new, changes):
    before = shared_env.key(copy)
    text = (copy / name).read_text()
    assert old in text
    (copy / name).write_text(text.replace(old, new))
    assert (shared_env.key(copy) != before) == changes


def test_a_half_made_environment_is_built_again(tmp_path, monkeypatch):
    monkeypatch.delenv(shared_env.OWN_PYTHON, raising=False)
    built = []

    def build(root, shared, wanted):
        built.append(wanted)
        (shared / "bin").mkdir(parents=True, exist_ok=True)
        (shared / "bin" / "python").touch()
        if len(built) > 1:  # the first one is broken off before its stamp
            (shared / shared_env.STAMP).write_text(wanted)

    monkeypatch.setattr(shared_env, "build", build)
    for _ in range(3):
        assert shared_env.ensure(ROOT, tmp_path / "shared") == tmp_path / "shared" / "bin" / "python"
    assert len(built) == 2


def test_a_second_build_waits_for_the_first(tmp_path):
    lock = tmp_path / "shared.lock"
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        code = f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import shared_env, pathlib\n"
        code += f"with shared_env.locked(pathlib.Path({str(lock)!r})): print('mine')"
        child = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert "waiting" in child.stderr.readline()
        assert child.poll() is None
        fcntl.flock(handle, fcntl.LOCK_UN)
        assert child.communicate(timeout=20)[0] == "mine\n"


def test_an_interpreter_of_ones_own_is_used_as_it_is(monkeypatch):
    monkeypatch.setenv(shared_env.OWN_PYTHON, sys.executable)
    command = [
        sys.executable,
        str(ROOT / "scripts" / "shared_env.py"),
        "--",
        "python",
        "-c",
        "import sys; print(sys.executable)",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == sys.executable


def test_a_wrong_interpreter_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv(shared_env.OWN_PYTHON, str(tmp_path / "python"))
    with pytest.raises(SystemExit, match="is not a file"):
        shared_env.ensure(ROOT, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "grid", "report", "status"),
    [
        ([], 0, "t/mini", 0),
        (["--profile", "smoke"], 0, "t/smoke", 0),
        (["--profile=some/dir/own.yaml"], 0, "t/own", 0),
        (["--seeds", "0"], 1, "t/mini", 1),
        (["--profile", "paper"], 3, None, 3),
        (["--profile", "elsewhere"], 0, None, 0),
    ],
    ids=["mini", "another profile", "a profile's file", "a cell failed", "refused", "nothing was run"],
)
def test_reproduce_runs_the_grid_and_reports_what_it_left(tmp_path, monkeypatch, arguments, grid, report, status):
    called = []
    monkeypatch.setattr(
        reproduce, "command", lambda *words: called.append(words) or (grid if words[0] == "baselines" else 0)
    )
    monkeypatch.setattr(reproduce, "ROOT", tmp_path)
    for name in ("mini", "smoke", "own", "paper"):
        (tmp_path / "t" / name / "results").mkdir(parents=True)
    assert reproduce.main([*arguments, "--runs", "t"]) == status
    assert called[0][:2] == ("baselines", "run")
    assert [words[3] for words in called[1:]] == ([f"{report}/results"] if report else [])
    if "--seeds" in arguments:
        assert called[0][-2:] == ("--seeds", "0")


@pytest.mark.slow
def test_committed_tables_regenerate_byte_for_byte(tmp_path):
    from reports.__main__ import main

    mini = ROOT / "results" / "mini"
    for table, store in (("table1", mini / "store"), ("table2", mini), ("blind", mini / "store"), ("controls", mini)):
        assert main([table, "--store", str(store), "--out", str(tmp_path)]) == 0
    drawn = {f"forest.{suffix}" for suffix in ("pdf", "png", "svg")}  # as committed on the machine that drew them alone
    written = {path.name for path in tmp_path.iterdir()}
    assert drawn <= written
    assert len(written - drawn) == 4 * 5 + 2
    for name in written - drawn:
        assert (tmp_path / name).read_bytes() == (mini / name).read_bytes(), name
