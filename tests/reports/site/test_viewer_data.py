"""Data of the viewers: shards that stay data, responses and rollouts as the logs have them, what is missing said."""

import html
import json
import math
import re
import shutil
from dataclasses import replace

import pytest

from anatomy_r1.results.store import load_results, save_result
from anatomy_r1.scoring.complete_run import load_complete_run
from anatomy_r1.scoring.question_table import ROTATIONS
from reports.__main__ import main
from reports.site import data
from reports.site.build import SiteSources, build
from reports.site.data import shard
from reports.site.page import slug
from reports.site.rollouts import SERIES
from tests.helpers.site_reader import cell, delivered, read
from tests.helpers.site_worlds import HOSTILE, SGG, World, make

HARD = ["</script>", "<!--", "<script", "\u2028", "\u2029", "&amp;", "\udc80", "]]>", '"\\', "\x00"]


@pytest.mark.parametrize("text", HARD)
def test_a_shard_is_ascii_without_markup_and_gives_back_what_it_was_given(text):
    script = shard("a/b", [text])
    assert script.isascii() and not set("<>&") & set(script)
    assert json.loads(script.removeprefix('site.deliver("a/b", ').removesuffix(");\n")) == [text]


def test_names_of_files_are_plain_and_two_names_never_share_one():
    hostile = ["../../etc", "a/b", "a--b", "a b", "a-b", ".hidden", "x" * 300, "ä", "\udc80", ""]
    found = [slug(name) for name in hostile]
    assert len(set(found)) == len(hostile)
    assert all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name) and len(name) <= 120 for name in found)
    assert slug("sgg/mini-l/grpo") == "sgg--mini-l--grpo"


def test_the_viewers_data_are_the_logs(run, site):
    of = cell(site, "grpo")
    (log,) = (run / "responses").glob(f"{SGG}/mini-l/grpo/seed0/*.sqlite")
    said = load_complete_run(log, run / "data")
    rows, marks = delivered(site, f"questions/{SGG}"), delivered(site, of["shard"])
    texts = delivered(site, of["texts"])
    assert [row[0] for row in rows] == sorted(question.id for question in said.questions)
    by_id = {q.id: (q, six) for q, six in zip(said.questions, said.responses, strict=True)}
    for place, row in enumerate(rows):
        question, six = by_id[row[0]]
        assert (row[4], tuple(row[5]), row[6]) == (question.stem, question.options, question.letter)
        assert [texts["texts"][at] for at in texts["at"][6 * place : 6 * place + 6]] == [one.text for one in six]
        chosen = marks["choices"][6 * place : 6 * place + 6]
        assert [c == question.letter for c in chosen] == [c == "1" for c in marks["right"][6 * place : 6 * place + 6]]
        assert marks["cut"][6 * place : 6 * place + 6] == "".join("01"[r.finish_reason == "length"] for r in six)
    assert HOSTILE in texts["texts"]


def test_a_hostile_response_is_text_wherever_a_page_has_it(site):
    """The front page shows the responses of a rollout group; no other page has any."""
    found = [path for path in site.glob("*.html") if "owned" in path.read_text(encoding="utf-8")]
    assert [path.name for path in found] == ["index.html"]
    assert html.escape(HOSTILE).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in found[0].read_text("utf-8")
    assert read(found[0]).inline == []


def test_a_log_that_says_other_than_the_store_stops_the_build(tmp_path, run):
    store = tmp_path / "store"
    shutil.copytree(run / "results", store)
    (result, *_) = [r for r in load_results(store) if r.method == "grpo"]
    name = result.questions.loc[3, "id"]
    result.questions.loc[3, "correct_2"] = not result.questions.loc[3, "correct_2"]
    save_result(store, result)
    with pytest.raises(ValueError, match=rf"grpo/matched/seed0: question {name} .* Fix"):
        build(tmp_path / "site", SiteSources(store=store, run=run))
    assert not (tmp_path / "site").exists() and not list(tmp_path.glob(".site*"))


def test_without_a_run_there_is_no_empty_viewer_and_the_site_says_why(tmp_path, run, capsys):
    assert main(["site", "--store", str(run / "results"), "--out", str(tmp_path / "site")]) == 0
    page = html.unescape((tmp_path / "site" / "about.html").read_text(encoding="utf-8"))
    assert data.NO_RUN in page and data.NO_RUN in capsys.readouterr().out
    absent = ("samples.html", "rollouts.html", "data", "images")
    assert not any((tmp_path / "site" / name).exists() for name in absent)
    links = read(tmp_path / "site" / "index.html").links
    assert "table1.html" in links and not any(link.startswith(("samples", "rollouts")) for link in links)


def test_a_demo_is_shown_beside_other_results_and_is_no_evidence_of_them(tmp_path, run):
    store = tmp_path / "store"
    for result in load_results(run / "results"):
        if result.method != "grpo-gdqa":
            save_result(store, result)
    build(tmp_path / "site", SiteSources(store, demo=run))
    for name in ("samples", "rollouts"):
        assert "this page shows a demo" in (tmp_path / "site" / f"{name}.html").read_text(encoding="utf-8")
    assert cell(tmp_path / "site", "grpo")["page"] == "method-grpo.html"
    assert cell(tmp_path / "site", "grpo-gdqa")["page"] == "", "the results have no such method"
    numbers = [link for link in read(tmp_path / "site" / "table1.html").links if link.startswith("samples.html#")]
    assert numbers == [], "a number of one run is no link to the responses of another"


def test_a_missing_log_is_said_of_its_method_alone(tmp_path, run):
    shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "responses" / SGG / "mini-l" / "grpo")
    written = build(tmp_path / "site", SiteSources(store=run / "results", run=tmp_path / "run"))
    assert cell(tmp_path / "site", "grpo")["notice"] == data.NO_LOG
    assert cell(tmp_path / "site", "grpo-gdqa")["notice"] == ""
    assert written.responses == 3 * 24 * 5  # zero-shot and the two GDQAs; the control never said anything


def test_the_arm_as_released_has_its_own_responses(tmp_path):
    run = make(tmp_path / "run", World(methods=("grpo",), arm="as-released", steps=1))
    build(tmp_path / "site", SiteSources(store=run / "results", run=run))
    of = cell(tmp_path / "site", "grpo/as-released")
    assert of["logged"] and HOSTILE in delivered(tmp_path / "site", of["texts"])["texts"]


def test_means_over_rotated_options_are_no_marks(tmp_path, run):
    """A question that was right under some of its rotations is neither right nor wrong."""
    store = tmp_path / "store"
    shutil.copytree(run / "results", store)
    (plain, *_) = [r for r in load_results(store) if r.method == "grpo"]
    means = plain.questions.assign(**dict.fromkeys(ROTATIONS, 0), correct_0=0.75, major=0.5, parsed=4.75)
    save_result(store, replace(plain, method="grpo@rotations", questions=means))
    build(tmp_path / "site", SiteSources(store=store, run=run))
    assert "grpo@rotations" not in {one["method"] for one in delivered(tmp_path / "site", "index")["cells"]}


def test_a_training_says_which_of_its_steps_is_scored(tmp_path, run, site):
    """One training serves both arms: it goes on after the step whose weights the matched arm scores."""
    assert [one["scored"] for one in delivered(site, "index")["trainings"]] == 3 * [[["matched", 11]]]
    store = tmp_path / "store"
    (grpo,) = [one for one in load_results(run / "results") if one.method == "grpo"]
    for arm, steps in (("matched", 5), ("equal-tokens", 9)):
        training = grpo.provenance["training"] | {"spent": {"steps": steps}}
        save_result(store, replace(grpo, arm=arm, provenance=grpo.provenance | {"training": training}))
    build(tmp_path / "site", SiteSources(store=store, run=run))
    of_grpo, *others = delivered(tmp_path / "site", "index")["trainings"]
    assert of_grpo["scored"] == [["matched", 5], ["equal-tokens", 9]]
    assert [one["scored"] for one in others] == [[], []], "no result of theirs is in the store"
    front = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "GRPO at step 1 of its training" in front, "recorded are steps 1 and 10; the second is past the scored one"


def test_rollouts_are_the_training_log(run, site):
    from anatomy_r1.training.training_log import read as read_log

    index = delivered(site, "index")
    assert [one["method"] for one in index["trainings"]] == ["grpo", "grpo-gdqa", "grpo-gdqa-no-text"]
    found = delivered(site, index["trainings"][0]["shard"])
    rows = read_log(run / "train" / SGG / "mini-l" / "grpo" / "seed0" / "training_log.sqlite", "rollouts")
    assert [(g["step"], g["group"]) for g in found["groups"]] == [(1, 0), (1, 1), (10, 0), (10, 1)]
    group = found["groups"][3]
    of = rows[(rows["step"] == 10) & (rows["group_index"] == 1)]
    assert [m[1] for m in group["members"]] == list(of["completion"])
    assert [m[3] for m in group["members"]] == [[a, 1] for a in of["reward_accuracy_reward"]]
    assert [m[4] for m in group["members"]] == [pytest.approx(a) for a in of["advantage"]]
    assert group["prompts"] == [of["prompt"].iloc[0]]


def test_the_steps_numbers_by_hand(site):
    """The first group of each step is all right, so teaches nothing and has one choice; the second has two at most."""
    found = delivered(site, delivered(site, "index")["trainings"][0]["shard"])
    for values in found["series"]:
        row = dict(zip(SERIES, values, strict=True))
        group = next((g for g in found["groups"] if (g["step"], g["group"]) == (row["step"], 1)), None)
        assert row["tokens"] == 12 * 16 * row["step"] and row["seconds"] == 0.5 and row["discarded"] == 0
        if group is None:
            continue
        right = sum(m[3][0] for m in group["members"])
        assert row["reward"] == pytest.approx((8 + right + 16) / 16, abs=1e-5)
        assert row["idle"] == (1.0 if right in (0, 8) else 0.5)
        assert row["distinct"] == (1 if right in (0, 8) else 1.5)
        share = right / 8
        bits = 0 if right in (0, 8) else -(share * math.log2(share) + (1 - share) * math.log2(1 - share))
        assert row["entropy"] == pytest.approx(bits / 2, abs=1e-5)
