"""A run that one command calls unfit is unfit in all, and is named before any verdict, in every format."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

import anatomy_r1 as ar
from anatomy_r1.cli.main import main
from anatomy_r1.results.store import load_result, save_result
from anatomy_r1.scoring.fitness import ExtractorBand, lenient_share, order_alarm, stored_fitness
from tests.helpers.made_logs import write_log
from tests.helpers.small_set import write_set
from tests.helpers.worlds import answers, result, table, unequal

CUT = "12.0 % of the sampled responses cut off at the token limit (limit 5%)"
BEFORE = {
    "text": "Differences in avg@5, and verdicts",
    "markdown": "Differences in avg@5, and verdicts",
    "html": "Differences in avg@5, and verdicts",
    "json": '"verdict"',
}
"""What stands before the first verdict of a comparison, by format."""


def world(clusters=20, n=200):
    rng = np.random.default_rng(3)
    labels = unequal(rng, clusters, n)
    return [table(answers(rng, labels, shift), labels) for shift in (0.0, 0.3)]


def recorded(one):
    one.provenance["unfit"] = [CUT]
    return one, CUT


def unread(one):
    """As an older store: no reasons, and a fifth of the responses unreadable."""
    spoilt = one.questions.assign(parsed=4, correct_4=False)
    return replace(one, questions=spoilt), "20.0 % of the sampled responses without an answer that"


def truncated(one):
    return replace(one, questions=one.questions.assign(truncated=1)), "20.0 % of the sampled responses cut off"


UNFIT = {"recorded": recorded, "unreadable": unread, "cut off": truncated}


@pytest.fixture(params=UNFIT)
def store(request, tmp_path):
    """`base`, and `new`, which is unfit; and why it is."""
    first, second = world()
    spoilt, reason = UNFIT[request.param](result("new", second))
    for one in (result("base", first, unfit=[]), spoilt):
        save_result(tmp_path / "store", one)
    return tmp_path / "store", reason


def folders(store):
    return [str(store / "sgg_anatomy_mini" / "mini-l" / method) for method in ("base", "new")]


@pytest.mark.parametrize("shape", BEFORE)
def test_case_06_compare_names_an_unfit_run_of_a_store_before_the_verdict(store, shape, capsys):
    root, reason = store
    assert main(["compare", *folders(root), "--format", shape]) == 0
    out = " ".join(capsys.readouterr().out.replace("\\", "").split())
    assert f"UNFIT: sgg_anatomy_mini/mini-l/new/matched, seed 0: {reason}"[:90] in out.replace("&#39;", "'")
    assert out.index("UNFIT: ") < out.index(BEFORE[shape])
    assert "UNFIT: sgg_anatomy_mini/mini-l/base" not in out
    if shape != "json":
        assert "mini-l/new/matched (unfit)" in out
        assert "mini-l/base/matched (unfit)" not in out


@pytest.mark.parametrize("shape", BEFORE)
def test_case_06_compare_names_an_unfit_log_before_the_verdict(tmp_path, shape, capsys):
    """A log has no recorded fitness: it is scored, and its five responses are one text at temperature 1."""
    data = write_set(tmp_path)
    for name, weights in (("old", "w0"), ("new", "w1")):
        write_log(tmp_path / f"{name}.sqlite", data, weights, lambda index, repeat: index % 2 == 0)
    logs = [str(tmp_path / f"{name}.sqlite") for name in ("old", "new")]
    assert main(["compare", *logs, "--data", str(data), "--format", shape]) == 0
    out = " ".join(capsys.readouterr().out.replace("\\", "").split())
    for name in ("old", "new"):
        assert f"UNFIT: sgg_anatomy_mini/{name}, seed 0: the 5 sampled responses are one text in 100.0 %" in out
    assert out.index("UNFIT: ") < out.index(BEFORE[shape])


def test_case_06_all_reports_and_the_api_agree(store):
    from reports.cards import cards
    from reports.tables.table1 import table1
    from reports.write import cost_files, table_files

    root, reason = store
    results = [load_result(path) for path in sorted(root.rglob("*.json"))]
    rows = [row.title for block in table1(results).tables[0].blocks for row in block.rows]
    assert [title for title in rows if "unfit" in title] == ["new (unfit)"]
    assert f"Unfit: SGG-VQA (Anatomy), mini world, mini-l, new, seed 0: {reason}"[:90] in " ".join(
        table1(results).notes
    )
    assert all(
        "new (unfit)" in table_files("table1", root)[f"table1.{kind}"].replace("\\", "") for kind in ("txt", "md")
    )
    assert "Unfit: " in cost_files(root)["cost.txt"]
    trained = [replace(one, provenance={**one.provenance, "training": {}}) for one in results]
    said = {name: reason[:30] in card.replace("\\", "") for name, card in cards(trained).items() if "model" in name}
    assert sorted(said.values()) == [False, True]
    loaded = ar.load_results(root).set_index("method")["unfit"]
    assert loaded["base"] == "" and loaded["new"].startswith(reason)
    assert ar.scores(root).set_index("method")["unfit"]["new"].startswith(f"seed 0: {reason}")
    found = ar.compare(*folders(root))
    assert str(found).startswith(f"UNFIT: sgg_anatomy_mini/mini-l/new/matched, seed 0: {reason}"[:80])
    assert found.reservations[0] in str(found).partition(found.verdict)[0]


@pytest.mark.parametrize("kind", ["store", "reference file"])
def test_case_06_regress_names_unfit_runs_of_both_sides(store, kind, tmp_path, capsys, monkeypatch):
    root, reason = store
    base, new = folders(root)
    against = new
    if kind == "reference file":
        against = str(tmp_path / "reference.json")
        assert main(["regress", new, "--record", against]) == 0
        assert f"UNFIT: sgg_anatomy_mini/mini-l/new/matched, seed 0: {reason}" in capsys.readouterr().out
    line = f"UNFIT: sgg_anatomy_mini/reference mini-l/new/matched, seed 0: {reason}"[:100]
    for shape in BEFORE:
        assert main(["regress", base, "--against", against, "--format", shape]) == 1
        out = " ".join(capsys.readouterr().out.replace("\\", "").split())
        assert line in out
        assert "UNFIT (reference): REGRESSION" in out
        assert "fresh mini-l/base/matched, seed 0" not in out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    junit = tmp_path / "junit.xml"
    assert main(["regress", base, "--against", against, "--junit", str(junit)]) == 1
    annotations = [one for one in capsys.readouterr().out.splitlines() if one.startswith(("::warning", "::error"))]
    assert "UNFIT: " in annotations[0] and "regression" in annotations[1]
    (suite,) = ET.parse(junit).getroot()
    assert suite[0].tag == "properties"
    assert suite.find("properties/property").get("value").startswith(line)
    assert suite.find("testcase/failure").get("message").startswith(line)


def test_case_06_regress_names_a_fresh_unfit_run_too(store, capsys):
    root, reason = store
    base, new = folders(root)
    assert main(["regress", new, "--against", base]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "UNFIT (fresh): PASS" in out and f"fresh mini-l/new/matched, seed 0: {reason}"[:60] in out


def lenient(one, right):
    """With what the lenient extractor makes of it: a share of the responses right."""
    flags = {f"lenient_{repeat}": np.random.default_rng(repeat).random(len(one)) < right for repeat in range(5)}
    return one.assign(**flags, malformed=0, several=0, refused=0)


@pytest.fixture
def turned(tmp_path):
    """`new` is better by the strict extractor and worse by the lenient one."""
    first, second = world()
    for method, questions, right in (("base", first, 0.95), ("new", second, 0.85)):
        counts = {"strict": {"letter": 950, "none": 50}, "lenient": {"strict": 950, "tag": 30, "nothing": 20}}
        save_result(tmp_path / "store", result(method, lenient(questions, right), unfit=[], reasons=counts))
    return tmp_path / "store"


@pytest.mark.parametrize("shape", BEFORE)
def test_case_06_an_order_that_the_extractor_turns_is_named_before_the_verdict(turned, shape, capsys):
    assert main(["compare", *folders(turned), "--format", shape]) == 0
    out = " ".join(capsys.readouterr().out.replace("\\", "").split())
    start = "ORDER TURNS WITH THE EXTRACTOR: sgg_anatomy_mini, Avg@5: mini-l/base/matched"
    assert start in out
    assert out.index(start) < out.index(BEFORE[shape])


def test_case_06_the_order_is_that_of_the_reports_and_of_regress(turned, tmp_path, capsys):
    from reports.write import table_files

    assert "Alarm: the choice of extractor changes the order" in " ".join(
        table_files("table1", turned)["table1.txt"].split()
    )
    assert any(line.startswith("ORDER TURNS") for line in ar.compare(*folders(turned)).reservations)
    base, new = folders(turned)
    assert main(["regress", new, "--record", str(tmp_path / "new.json")]) == 0
    for against in (new, str(tmp_path / "new.json")):
        assert main(["regress", base, "--against", against]) == 1
        assert "ORDER TURNS WITH THE EXTRACTOR: sgg_anatomy_mini, Avg@5: reference" in capsys.readouterr().out


def test_a_fit_pair_in_one_order_has_no_reservation(tmp_path):
    for method, questions in zip(("base", "new"), world(), strict=True):
        right = questions[[f"correct_{k}" for k in range(5)]].to_numpy().mean()
        save_result(tmp_path, result(method, lenient(questions, right), unfit=[]))
    assert ar.compare(*folders(tmp_path)).reservations == ()


@pytest.mark.parametrize(
    ("first", "second", "turns"),
    [
        ((50, 60), (40, 70), True),
        ((50, 60), (40, 59), False),
        ((50, 60), (50.001, 59), True),
        ((50, 60), (50, 60), False),
    ],
    ids=["turned", "kept", "a tie that the lenient one breaks", "two ties"],
)
def test_order_is_compared_as_printed(first, second, turns):
    assert bool(order_alarm(ExtractorBand("a", *first), ExtractorBand("b", *second))) == turns


def test_case_24_the_share_of_the_lenient_extractor_stands_beside_the_strict_one(turned, capsys):
    from reports.write import table_files

    assert main(["compare", *folders(turned), "--format", "json"]) == 0
    systems = json.loads(capsys.readouterr().out)["systems"]
    assert [one["parsed_lenient"] for one in systems.values()] == [0.98, 0.98]
    assert main(["compare", *folders(turned), "--format", "markdown"]) == 0
    assert "| parsed | truncated | parsed, lenient |" in capsys.readouterr().out
    head, rows = table_files("table1", turned)["table1.md"].partition("| parsed | parsed, lenient |")[::2]
    assert head and "| 100.0 | 98.0 |" in " ".join(rows.split())
    assert list(ar.load_results(turned)["parsed_lenient"]) == [98.0, 98.0]


@pytest.mark.parametrize(
    ("counts", "share"),
    [
        ({"strict": 3, "nothing": 1}, 0.75),
        ({"a reason of a later release": 4}, 0.0),
        (None, None),
        ({}, None),
        ({"strict": "3"}, None),
        ([3], None),
        ({"strict": 0}, None),
    ],
)
def test_the_lenient_share_of_any_stored_value(counts, share):
    assert lenient_share(counts) == share


def test_a_share_that_is_exactly_the_limit_is_fit_however_it_is_rounded():
    """260 of 5,200 responses cut off: the mean of the questions' shares may be 0.05000000000000001."""
    rng, labels = np.random.default_rng(0), np.arange(1040)
    for _ in range(20):
        cut = np.bincount(rng.permutation(np.repeat(labels, 5))[:260], minlength=1040)
        made = table(np.ones((1040, 5), dtype=bool), labels).assign(truncated=cut)
        assert not stored_fitness(None, made).reasons
    one_more = cut + (labels == np.flatnonzero(cut < 5)[0])
    assert stored_fitness(None, made.assign(truncated=one_more)).reasons


def test_fitness_says_whether_all_checks_were_made():
    questions = world()[0]
    assert stored_fitness([], questions).word == "fit"
    assert stored_fitness(None, questions).word == "fit by its question table"
    assert stored_fitness(["x"], questions).word == "UNFIT"
    assert stored_fitness(None, questions.assign(truncated=np.nan)).reasons == ()
