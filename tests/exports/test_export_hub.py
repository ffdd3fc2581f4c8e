"""`.eval_results` and `model-index`, read back by huggingface_hub's classes; cards that are there keep their text."""

from dataclasses import replace

import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.exports.evidence import Request, load_evidence, numbers
from anatomy_r1.exports.hub import HubOptions, write_hub

OPTIONS = HubOptions(dataset="org/bench", task="sgg", source_url="https://example.org/run", date="2026-01-31")
CARD = """---
license: apache-2.0  # a comment
tags: [vqa]
---
# Ours

Text that stays, --- and all.
"""


@pytest.fixture(scope="module")
def found(stored):
    return load_evidence(Request((stored,)))


def test_entries_are_read_back(found, tmp_path):
    written = write_hub(tmp_path, found, OPTIONS)
    assert written == [tmp_path / ".eval_results" / "anatomy-r1.yaml", tmp_path / "README.md"]
    (entry,) = parse_eval_result_entries(yaml.safe_load(written[0].read_text()))
    number = numbers(found[0])[0]
    assert (entry.dataset_id, entry.task_id) == ("org/bench", "sgg")
    assert entry.value == pytest.approx(100 * number.interval.mean, abs=1e-4)
    assert (entry.source_url, entry.date) == ("https://example.org/run", "2026-01-31")
    low = f"{100 * number.interval.low:.2f}"
    for word in (f"[{low}, ", "temperature 1.0", "counts as wrong", "UNFIT", "test against", "NOT ABOVE IT"):
        assert word in entry.notes


def test_the_model_index_is_read_back_with_errors_and_intervals(found, tmp_path):
    write_hub(tmp_path, found, HubOptions())
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.model_name == "mini-l-ours-submitted-seed0"
    by_type = {one.metric_type: one for one in card.data.eval_results}
    for number in numbers(found[0]):
        one = by_type[number.id]
        assert one.metric_value == pytest.approx(100 * number.interval.mean, abs=1e-4)
        assert one.metric_args["standard_error"] == pytest.approx(100 * number.interval.se, abs=1e-4)
        assert one.metric_args["low"] == pytest.approx(100 * number.interval.low, abs=1e-4)
        assert one.metric_args["high"] == pytest.approx(100 * number.interval.high, abs=1e-4)
    args = by_type["avg@5"].dataset_args
    assert args["leakage"]["not_clean"] == []
    assert "counts as wrong" in args["statements"]["failures"]
    assert not (tmp_path / ".eval_results").exists()
    assert "Research only, not for clinical use" in card.text


def test_a_card_keeps_its_text_and_its_other_metadata(found, tmp_path):
    (tmp_path / "README.md").write_text(CARD)
    write_hub(tmp_path, found, HubOptions())
    text = (tmp_path / "README.md").read_text()
    head, body = CARD.split("---\n")[1], CARD.partition("---\n# Ours")[2]
    assert text.startswith(f"---\n{head}model-index:\n")
    assert text.endswith(f"---\n# Ours{body}")
    card = ModelCard(text)
    assert (card.data.license, card.data.tags) == ("apache-2.0", ["vqa"])
    assert len(card.data.eval_results) == len(numbers(found[0]))


@pytest.mark.parametrize("card", ["no metadata\n", "---\nno end of metadata\n"])
def test_a_card_without_metadata_gets_some(found, tmp_path, card):
    (tmp_path / "README.md").write_text(card)
    write_hub(tmp_path, found, HubOptions())
    assert (tmp_path / "README.md").read_text().endswith(f"---\n{card}")


@pytest.mark.parametrize(
    "card", ["---\nmodel-index: []\n---\n", "---\n- a list\n---\n", "---\n'\n---\n", b"\xff"],
    ids=["index there", "no mapping", "no YAML", "no UTF-8"],
)  # fmt: skip
def test_a_card_that_cannot_take_it_is_left_alone(found, tmp_path, card):
    content = card if isinstance(card, bytes) else card.encode()
    (tmp_path / "README.md").write_bytes(content)
    with pytest.raises(AnatomyR1Error, match="Fix: "):
        write_hub(tmp_path, found, OPTIONS)
    assert (tmp_path / "README.md").read_bytes() == content
    assert not (tmp_path / ".eval_results").exists()


def test_two_checkpoints_or_one_benchmark_twice_are_refused(found, tmp_path):
    (one,) = found
    with pytest.raises(AnatomyR1Error, match="results of 2 models"):
        write_hub(tmp_path, [one, replace(one, name="other")], OPTIONS)
    with pytest.raises(AnatomyR1Error, match="by two results"):
        write_hub(tmp_path, [one, one], OPTIONS)


def test_a_control_is_in_the_index_and_in_no_leaderboard(found, tmp_path):
    (one,) = found
    write_hub(tmp_path, [one, replace(one, view="no-image")], OPTIONS)
    entries = yaml.safe_load((tmp_path / ".eval_results" / "anatomy-r1.yaml").read_text())
    assert len(entries) == 1
    names = {one.dataset_name for one in ModelCard.load(tmp_path / "README.md").data.eval_results}
    assert names == {"sgg_anatomy_mini", "sgg_anatomy_mini@no-image"}
    with pytest.raises(AnatomyR1Error, match="no score of a benchmark"):
        write_hub(tmp_path / "other", [replace(one, view="no-image")], OPTIONS)


def test_options_that_name_nothing_are_refused(found, tmp_path):
    with pytest.raises(AnatomyR1Error, match="--dataset ORG/NAME"):
        write_hub(tmp_path, found, HubOptions(dataset="bench"))
    with pytest.raises(AnatomyR1Error, match="one of avg@5"):
        write_hub(tmp_path, found, HubOptions(dataset="org/bench", metric="accuracy"))


def test_the_metadata_of_a_card_with_a_byte_order_mark_are_kept(found, tmp_path):
    (tmp_path / "README.md").write_text(CARD, encoding="utf-8-sig")
    write_hub(tmp_path, found, HubOptions())
    card = ModelCard((tmp_path / "README.md").read_text(encoding="utf-8"))
    assert (card.data.license, card.data.tags) == ("apache-2.0", ["vqa"])
    assert card.data.eval_results


def test_two_benchmarks_of_two_checkpoints_are_refused(found, tmp_path):
    (one,) = found
    plan = {**one.plan, "weights": "other"}
    other = replace(one, benchmark="omnimed_mi_mini", provenance={**one.provenance, "sampling": plan})
    with pytest.raises(AnatomyR1Error, match="results of 2 checkpoints"):
        write_hub(tmp_path, [one, other], HubOptions())
    assert not list(tmp_path.iterdir())


def test_what_others_wrote_is_no_markup_in_a_card(found, tmp_path):
    (one,) = found
    plan = {**one.plan, "weights": "<img src=x> [a](b) **c** (named by lm-eval, not verified)"}
    hostile = replace(one, name="<b>m</b>", provenance={**one.provenance, "sampling": plan})
    write_hub(tmp_path, [hostile], HubOptions())
    text = ModelCard.load(tmp_path / "README.md").text
    assert "<" not in text.replace("\\<", "")
    assert r"\<img src=x\> \[a\](b) \*\*c\*\*" in text


def test_a_card_keeps_its_line_ends(found, tmp_path):
    (tmp_path / "README.md").write_bytes(CARD.replace("\n", "\r\n").encode())
    write_hub(tmp_path, found, HubOptions())
    assert (tmp_path / "README.md").read_bytes().endswith(b"# Ours\r\n\r\nText that stays, --- and all.\r\n")
    assert ModelCard.load(tmp_path / "README.md").data.license == "apache-2.0"
