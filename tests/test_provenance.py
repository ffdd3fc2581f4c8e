"""What is recorded of the machine."""

import re
from types import SimpleNamespace

import pytest

from anatomy_r1 import provenance
from anatomy_r1.provenance import processor

CORE = "processor\t: {}\nmodel name\t: AMD EPYC\nflags\t\t: {}\n\n"


@pytest.mark.parametrize(
    ("flags", "told"),
    [("fpu avx avx2 avx512f", "AMD EPYC, AVX-512"), ("fpu avx avx2", "AMD EPYC, AVX2"), ("fpu avx", "AMD EPYC")],
)
def test_the_processor_with_its_vectors(tmp_path, flags, told):
    info = tmp_path / "cpuinfo"
    info.write_text("".join(CORE.format(core, flags) for core in range(2)))
    assert processor(info).split(" x ")[1] == told


def test_elsewhere_than_on_linux_there_is_a_name_too(tmp_path):
    assert " x " in processor(tmp_path / "missing")


def repository(folder):
    """A git repository with one commit, in this environment; returns the commit."""
    import os
    import subprocess

    folder.mkdir(parents=True, exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    (folder / "file").write_text("x")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "file"], [*who, "commit", "-qm", folder.name]):
        subprocess.run(["git", "-C", str(folder), *words], check=True, env=clean, capture_output=True)
    return provenance.git_output(folder, "rev-parse", "HEAD")


def test_case_20_the_commit_is_that_of_this_checkout_and_of_no_other(tmp_path, monkeypatch, capfd):
    """Not that of a repository in which the package happens to be installed, nor of the one that GIT_DIR names."""
    commit = repository(tmp_path / "whole")
    assert len(commit) == 40
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "whole")
    assert provenance.git_state() == {"commit": commit, "dirty": False}
    other = repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert provenance.git_state()["commit"] == commit != other
    (tmp_path / "whole" / "file").write_text("changed")
    assert provenance.git_state() == {"commit": commit, "dirty": True}
    installed = tmp_path / "whole" / "venv" / "site-packages"
    installed.mkdir(parents=True)
    monkeypatch.setattr(provenance, "ROOT", installed)
    assert provenance.git_state() == {"commit": "", "dirty": False}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("git", ["none", "not to be executed", "always fails", "prints bytes"])
def test_case_20_without_a_git_that_works_there_is_no_commit_and_no_word(tmp_path, monkeypatch, capfd, git):
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    if git != "none":
        body = r"printf '\377\376'" if git == "prints bytes" else "echo 'fatal: not a git repository' >&2; exit 128"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o644 if git == "not to be executed" else 0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    assert provenance.git_state() == {"commit": "", "dirty": False}
    assert capfd.readouterr() == ("", "")


def test_outside_a_checkout_the_code_still_has_a_name(tmp_path, monkeypatch):
    """A result without one could be written, and read by nothing."""
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setattr(provenance, "_installed_commit", lambda: "")
    state = provenance.code_state()
    assert re.fullmatch(r"pkg-[0-9a-f]{40}", state["commit"])
    assert state == {**provenance.code_state(), "dirty": False}
    assert provenance.provenance()["commit"] == state["commit"]


def test_the_name_of_a_package_follows_its_modules(tmp_path, monkeypatch):
    found = []
    for content in ("one", "one", "two"):
        folder = tmp_path / f"{len(found)}" / "anatomy_r1"
        folder.mkdir(parents=True)
        (folder / "provenance.py").write_text(content)
        monkeypatch.setattr(provenance, "__file__", str(folder / "provenance.py"))
        provenance._package_hash.cache_clear()
        found.append(provenance._package_hash())
    provenance._package_hash.cache_clear()
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("record", "commit"),
    [
        ('{"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}', "abc"),
        ('{"url": "file:///somewhere", "dir_info": {}}', ""),
        (None, ""),
    ],
    ids=["from a repository", "from a folder", "from an index"],
)
def test_an_installation_from_a_repository_knows_its_commit(monkeypatch, record, commit):
    monkeypatch.setattr(provenance.metadata, "distribution", lambda _: SimpleNamespace(read_text=lambda _: record))
    assert provenance._installed_commit() == commit
