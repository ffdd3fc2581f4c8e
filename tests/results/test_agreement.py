"""Whether results are the committed ones, byte for byte, and what is said where they are not."""

from dataclasses import replace

import numpy as np
import pytest

from anatomy_r1.results.agreement import compare_stores, main, numbers_changes, table_hash, why_different
from anatomy_r1.results.store import save_result
from tests.helpers.worlds import answers, result, table

LABELS = np.repeat(np.arange(4), 5)
PORTABLE = {"mode": "portable", "fingerprint": "abc", "expected": True}


def made(method="grpo", shift=0.0, **provenance):
    right = answers(np.random.default_rng(0), LABELS, shift=shift)
    return result(method, table(right, LABELS), arithmetic=PORTABLE, packages={"torch": "2"}, **provenance)


def test_equal_tables_are_equal_whatever_their_order():
    one = made()
    shuffled = replace(one, questions=one.questions.sample(frac=1, random_state=1)[reversed(one.questions.columns)])
    assert table_hash(one) == table_hash(shuffled)
    found = compare_stores([shuffled, made("other")], [one])
    assert (found.equal, found.unknown) == ((one.key,), (made("other").key,))
    said = "seed 0: all 1 results are, byte for byte, the committed ones of x; 1 more have no committed result"
    assert found.sentence([0], "x") == said


def test_one_sample_that_differs_is_told_although_the_rounded_metrics_may_agree():
    one = made()
    questions = one.questions.copy()
    questions.loc[[0, 1], "correct_1"] = questions.loc[[0, 1], "correct_1"].to_numpy()[::-1]
    questions.loc[0, "correct_2"] = not questions.loc[0, "correct_2"]
    found = compare_stores([replace(one, questions=questions)], [one])
    assert list(found.different) == [one.key]
    assert found.sentence([0], "x").startswith(
        f"seed 0: 1 of 1 results differ from the committed ones of x: {one.key}. Why:"
    )


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"data": {"questions_sha256": "x"}}, "data: other test questions"),
        ({"arithmetic": {"mode": "native"}}, "arithmetic: portable here, native there"),
        ({"arithmetic": {**PORTABLE, "fingerprint": "x"}}, "arithmetic: this machine's fingerprint is abc, not x"),
        ({"packages": {"torch": "1"}}, "versions: torch 2, not 1"),
        ({"training": {"plan": {"arguments": {"beta": 0.1}}}}, "settings: arguments.beta"),
        ({}, "not known: data, settings, arithmetic and versions are the same"),
    ],
    ids=lambda value: next(iter(value), "nothing") if isinstance(value, dict) else "",
)
def test_the_cause_is_named(other, said):
    committed = made(shift=0.2)
    committed = replace(committed, provenance={**committed.provenance, **other})
    assert why_different(made(), committed) == said


def test_native_numbers_are_said_to_depend_on_the_processor():
    one = made()
    one = replace(one, provenance={**one.provenance, "arithmetic": {"mode": "native"}})
    assert why_different(one, one) == "arithmetic: native, whose numbers depend on the processor"


def test_lines_marked_numbers_since_a_commit_are_named(tmp_path):
    import subprocess

    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        done = subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "CHANGELOG.md").write_text("- old `numbers`\n")
    git("add", ".")
    git("commit", "-qm", "one")
    first = git("rev-parse", "HEAD")
    (tmp_path / "CHANGELOG.md").write_text("- old `numbers`\n- a word\n- `numbers`: the reward\n")
    assert numbers_changes(first, tmp_path) == ["`numbers`: the reward"]
    assert numbers_changes("0" * 40, tmp_path) == []
    assert numbers_changes("--help", tmp_path) == []


def test_the_command_compares_one_seed_of_two_stores(tmp_path, capsys):
    for store in ("made", "committed"):
        save_result(tmp_path / store, made())
    save_result(tmp_path / "made", replace(made(), seed=1))
    words = [str(tmp_path / "made"), str(tmp_path / "committed")]
    assert main(words) == 0
    assert "seed 0: all 1 results are, byte for byte" in capsys.readouterr().out
    save_result(tmp_path / "committed", made(shift=0.3))
    assert main(words) == 1
    assert "1 of 1 results differ" in capsys.readouterr().out
