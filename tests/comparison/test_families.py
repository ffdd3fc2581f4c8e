"""Holm over a declared family, and what git knows about when it was declared."""

import subprocess

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from anatomy_r1.comparison.family import Family, declaration, load_family
from anatomy_r1.comparison.systems import SystemRun
from anatomy_r1.errors import AnatomyR1Error
from tests.helpers import worlds

TEXT = """name: the paper's two claims
declared: 2026-11-01
metric: avg@5
level: 0.05
smallest_difference: 5
comparisons:
  - [b/m/grpo/matched, b/m/grpo-asc/matched]
  - [b/m/grpo/matched, b/m/grpo-gdqa/matched]
"""


def family(size):
    return Family("f", "avg@5", tuple(frozenset({"base", f"m{index}"}) for index in range(size)))


def test_holm_by_hand_and_as_statsmodels_has_it():
    three = family(3)
    found = dict(zip(three.pairs, [0.04, 0.01, 0.03], strict=True))
    assert list(three.adjusted(found).values()) == pytest.approx([0.06, 0.03, 0.06])
    assert list(three.adjusted(found).values()) == pytest.approx(
        multipletests(list(found.values()), method="holm")[1].tolist()
    )


def test_what_was_declared_and_not_made_still_counts():
    three = family(3)
    assert three.adjusted({three.pairs[1]: 0.01}) == {three.pairs[1]: pytest.approx(0.03)}


def test_the_floor_of_seven_clusters_in_a_family_of_nine_cannot_reject():
    nine = family(9)
    found = dict.fromkeys(nine.pairs, 2 / 128)
    assert nine.adjusted_floor(nine.pairs[0], 2 / 128, found) == pytest.approx(9 * 2 / 128)
    assert nine.strictest_level == pytest.approx(0.05 / 9)


@pytest.mark.slow
def test_the_floor_is_never_above_the_p_that_was_reached():
    """It is what Holm itself gives with that p in the place of the found one."""
    four = family(4)
    found = dict(zip(four.pairs, [1e-6, 1e-6, 2 / 128, 0.5], strict=True))
    floor = four.adjusted_floor(four.pairs[2], 2 / 128, found)
    assert floor == pytest.approx(four.adjusted(found)[four.pairs[2]]) == pytest.approx(4 / 128)
    for pair in four.pairs:
        known = four.adjusted({**found, pair: 0.003})[pair]
        assert four.adjusted_floor(pair, 0.003, found) == pytest.approx(known)


def test_a_declaration_is_read(tmp_path):
    (tmp_path / "family.yaml").write_text(TEXT)
    found = load_family(tmp_path / "family.yaml")
    assert found.pairs[0] == {"b/m/grpo/matched", "b/m/grpo-asc/matched"}
    assert (found.smallest_difference, found.level, found.declared) == (0.05, 0.05, "2026-11-01")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("metric: avg@5", "metric: accuracy", "metric 'accuracy'"),
        ("level: 0.05\n", "", "missing key 'level'"),
        ("level: 0.05", "levle: 0.05", r"unknown key 'levle' \(did you mean 'level'\?\)"),
        ("level: 0.05", "level: 0.05\nlevel: 0.5", "duplicate key 'level'"),
        ("level: 0.05", "level: '0.05'", "level: should be a valid number, found the string '0.05'"),
        ("level: 0.05", "level: 1.5", "level 1.5"),
        ("declared: 2026-11-01", "declared: soon", "declared: should be a valid date, found 'soon'"),
        ("smallest_difference: 5", "smallest_difference: 0", "points above 0"),
        ("grpo-gdqa", "grpo-asc", "none twice"),
        ("b/m/grpo-asc/matched", "b/m/grpo/matched", "two different names"),
        ("  - [b/m/grpo/matched, b/m/grpo-asc/matched]", "  - b/m/grpo/matched", "should be a valid list"),
        ("name: the paper's two claims", "name: [", "not a valid family"),
    ],
    ids=[
        "metric", "key missing", "key misspelt", "key twice", "number as text", "level", "day", "difference",
        "pair twice", "itself", "no pair", "no YAML",
    ],
)  # fmt: skip
def test_a_bad_declaration_is_refused_with_its_file(tmp_path, old, new, message):
    assert old in TEXT
    (tmp_path / "family.yaml").write_text(TEXT.replace(old, new))
    with pytest.raises(AnatomyR1Error, match=message) as caught:
        load_family(tmp_path / "family.yaml")
    assert "family.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("level: 0.05", "level: 5e-2", "level: .*found the string '5e-2': write 5.0e-2, without quotes"),
        ("level: 0.05", "level: true", "level: should be a valid number, found True"),
        ("level: 0.05", "level: .nan", "level nan: expected a number between 0 and 0.5"),
        ("smallest_difference: 5", "smallest_difference: .inf", "smallest_difference: expected points"),
        ("smallest_difference: 5", "smallest_difference: 05", "smallest_difference: 05 is read differently by YAML"),
        ("level: 0.05", "levels: [0.05]", r"unknown key 'levels' \(did you mean 'level'\?\)"),
        ("level: 0.05", "level: 0.05\n\tmetric: greedy", "YAML takes no tabs: indent with blanks"),
        (TEXT, "", "the file is empty"),
        (TEXT, "- a", "should be a mapping of keys to values, found"),
    ],
    ids=["an exponent", "a boolean", "no number", "infinity", "octal", "a list", "a tab", "empty", "a list at the top"],
)
def test_case_11_a_declaration_that_would_not_do_what_it_says_is_refused(tmp_path, old, new, message):
    assert old in TEXT
    (tmp_path / "family.yaml").write_text(TEXT.replace(old, new))
    with pytest.raises(AnatomyR1Error, match=f"not a valid family of comparisons: .*{message}") as caught:
        load_family(tmp_path / "family.yaml")
    assert "\n" not in str(caught.value)


def test_a_missing_declaration_is_refused(tmp_path):
    with pytest.raises(AnatomyR1Error, match="cannot read the family of comparisons"):
        load_family(tmp_path / "family.yaml")


@pytest.fixture
def repository(tmp_path):
    """Three commits: without the declaration, with it, and with it changed and changed back."""

    def git(*arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        done = subprocess.run(["git", "-C", tmp_path, *who, *arguments], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(text):
        if text is not None:
            (tmp_path / "plans" / "family.yaml").write_text(text)
        git("add", "-A")
        git("commit", "--allow-empty", "-m", "x")
        return git("rev-parse", "HEAD")

    (tmp_path / "plans").mkdir()
    git("init", "-q")
    commits = [commit(None), commit(TEXT), commit(TEXT + "# later\n"), commit(TEXT)]
    return tmp_path / "plans" / "family.yaml", commits


@pytest.mark.parametrize(
    ("which", "expected"),
    [((1,), "yes"), ((3, 1), "yes"), ((0,), "no"), ((1, 2), "no"), ((), "unknown")],
    ids=["there before", "twice there", "not yet there", "read otherwise once", "no result"],
)
def test_git_shows_whether_it_was_declared_before_the_results(repository, which, expected):
    path, commits = repository
    found = declaration(path, [commits[index] for index in which])
    assert found.before == expected
    assert (found.path, found.commit) == ("plans/family.yaml", commits[3])


@pytest.mark.parametrize("commit", ["", "f" * 40, "--output=stolen", "HEAD"], ids=["none", "foreign", "option", "name"])
def test_a_commit_that_git_does_not_know_leaves_it_open(repository, commit):
    path, commits = repository
    assert declaration(path, [commits[1], commit]).before == "unknown"
    assert not (path.parent / "stolen").exists()


def test_a_declaration_that_was_moved_since_is_the_same(repository):
    path, commits = repository
    moved = path.parent.parent / "family.yaml"
    path.rename(moved)
    assert declaration(moved, [commits[1]]).before == "yes"
    assert declaration(moved, [commits[0], commits[1]]).before == "no"


def test_an_uncommitted_change_is_no_earlier_declaration(repository):
    path, commits = repository
    path.write_text(TEXT.replace("smallest_difference: 5", "smallest_difference: 1"))
    assert declaration(path, [commits[3]]).before == "no"


def test_outside_a_repository_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "family.yaml").write_text(TEXT)
    found = declaration(tmp_path / "family.yaml", ["c0ffee0"])
    assert (found.path, found.commit, found.before) == ("family.yaml", "", "unknown")


def test_a_run_was_made_where_it_was_trained_and_where_it_was_scored():
    table = worlds.table(np.ones((2, 5), dtype=bool), np.array([0, 1]))
    trained = worlds.result("grpo", table, training={"provenance": {"commit": "aaaaaaa"}}, commit="bbbbbbb")
    assert SystemRun.from_result(trained, "x").commits == ("bbbbbbb", "aaaaaaa")
    assert SystemRun.from_result(worlds.result("zero-shot", table, training=None, commit="bbbbbbb"), "x").commits == (
        "bbbbbbb",
    )
