"""Readers on made-up JSON and text: they read it, or refuse it in words. Anything else is a traceback for a user."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anatomy_r1.comparison.family import load_family
from anatomy_r1.data.prepare.omnimed import parse_problem
from anatomy_r1.data.prepare.ssg_vqa import parse_line
from anatomy_r1.data.prepared import load_manifest
from anatomy_r1.data.stems import parse_stem
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response, ResponseKey
from anatomy_r1.results.stored_file import read_head
from anatomy_r1.training.curves import load_curves
from anatomy_r1.training.open_clip_tower import read_config
from anatomy_r1.training.similarity import read_similarity
from anatomy_r1.training.stored_values import read_record
from tests.fuzz.budget import FUZZ

KEYS = (
    "encoder", "names", "matrix", "identity", "wording", "plan", "arguments", "max_steps", "spent", "steps", "profile",
    "benchmark", "model", "method", "arm", "seed", "style", "provenance", "unfit", "schema", "own_steps", "commit",
    "samples", "format_version", "image_root", "questions_sha256", "counts", "inputs", "test", "questions", "category",
    "name", "declared", "metric", "level", "smallest_difference", "comparisons", "model_cfg", "embed_dim", "vision_cfg",
    "text_cfg",
)  # fmt: skip
SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(-3, 3), st.integers(), st.floats()),
    st.sampled_from(["", "mini", "avg@5", "2026-11-24", "..", "\ud800"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)
DOCUMENTS = st.one_of(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=12), VALUES)


def curves_of(path):
    place = path.parent / "b" / "m" / "grpo" / "seed0.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(path.read_bytes())
    return load_curves(path.parent)


def manifest_of(path):
    (path.parent / "manifest.json").write_bytes(path.read_bytes())
    return load_manifest(path.parent)


READERS = {
    "similarity": read_similarity,
    "family": load_family,
    "manifest": manifest_of,
    "store": lambda path: read_head(path, "run it again"),
    "curves": curves_of,
    "open_clip": read_config,
}


def refuses_or_reads(name, path):
    """Whether the file was refused; what is not an `AnatomyR1Error` fails the test."""
    try:
        READERS[name](path)
    except AnatomyR1Error as error:
        assert str(path.parent) in str(error), "the message names the file"
        return True
    return False


@pytest.mark.parametrize("name", READERS)
@FUZZ
@given(value=DOCUMENTS)
def test_any_json_is_read_or_refused_in_words(name, tmp_path, value):
    path = tmp_path / "file.json"
    path.write_text(json.dumps(value))
    refuses_or_reads(name, path)


@pytest.mark.parametrize("name", READERS)
@FUZZ
@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(name, tmp_path, content):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    refuses_or_reads(name, path)


@FUZZ
@given(value=DOCUMENTS)
def test_any_record_of_a_training_is_a_value_error(tmp_path, value):
    path = tmp_path / "training.json"
    path.write_text(json.dumps(value))
    with suppress(ValueError):
        assert read_record(path)["plan"]["arguments"]["max_steps"] >= -1


@FUZZ
@given(st.text(max_size=200))
def test_any_stem_is_parsed(text):
    parse_stem(text)


PARTS = (
    "A)", "B)", "C)", " A)", ", B)", ", ", "|", "[", "]", "1.0", "nan", "1e999", "liver", "True", "{", "?", "\n",
    " ", "NA", "What anatomy is at the ", "query_component", "one_hop.json",
)  # fmt: skip
LINES = st.lists(st.sampled_from(PARTS) | st.text(max_size=5), max_size=12).map("".join)


@FUZZ
@given(LINES)
def test_any_line_of_ssg_vqa_is_read_or_refused_in_words(line):
    with suppress(AnatomyR1Error):
        parse_line(line, "qa_txt/VID01/1.txt", 1)


@FUZZ
@given(LINES)
def test_any_problem_of_med_r1_gives_options_or_a_value_error(text):
    with suppress(ValueError):
        _, options = parse_problem(text)
        assert 2 <= len(options) <= 8


FIELDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@FUZZ
@given(
    st.lists(
        st.tuples(FIELDS, FIELDS, st.integers(0, 4)), min_size=1, max_size=5, unique_by=lambda one: (one[0], one[2])
    )
)
def test_a_log_gives_back_any_text_that_was_put_in(tmp_path, said):
    path = tmp_path / "log.sqlite"
    path.unlink(missing_ok=True)
    wanted = [
        Response(ResponseKey("b", question, repeat, "sample", "p", "i", "w", "{}", 0), text, "stop")
        for question, text, repeat in said
    ]
    with ResponseLog(path) as log:
        log.add(wanted)
    with ResponseLog(path, read_only=True) as log:
        assert sorted(one.checksum for one in log.rows()) == sorted(one.checksum for one in wanted)


CORPUS = sorted((Path(__file__).parent / "corpus").glob("*/*"))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_before_is_refused(path, tmp_path):
    """A file in `corpus/READER/` once ended in a traceback, or was accepted although broken."""
    target = tmp_path / "file.json"
    target.write_bytes(path.read_bytes())
    assert refuses_or_reads(path.parent.name, target)
