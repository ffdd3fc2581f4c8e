"""Croissant metadata: read back by `mlcroissant` where it is installed; files, columns and leakage everywhere."""

import json
from collections import Counter

import pyarrow.parquet as pq
import pytest

from anatomy_r1.data.inputs import DataError, Exclusions
from anatomy_r1.data.prepare.released import read_released
from anatomy_r1.data.prepared import check, load, write
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.exports.croissant import BY_NC_SA, FILE, write_croissant
from anatomy_r1.files import file_sha256

READ = """
import json, sys
import mlcroissant
data = mlcroissant.Dataset(jsonld=sys.argv[1])
rows = [{name.partition("/")[2]: value for name, value in row.items()} for row in data.records("questions")]
text = lambda value: [text(one) for one in value] if isinstance(value, list) else value.decode()
issues = data.metadata.ctx.issues
print(json.dumps({
    "errors": sorted(issues.errors), "warnings": sorted(issues.warnings), "rows": len(rows),
    "first": {name: text(value) for name, value in rows[0].items()},
}))
"""


@pytest.fixture(scope="module")
def released(real_data, tmp_path_factory):
    """A prepared set of the authors' published questions; the pictures are not there, and not needed."""
    data = (real_data / "released/GRPO-GDQA.json").read_bytes()
    asked = [one.question for one in read_released(data, "GRPO-GDQA.json", Exclusions())]
    root = tmp_path_factory.mktemp("released") / "sgg"
    sides = {
        "train": [one for one in asked if one.cluster < "VID50"],
        "test": [one for one in asked if one.cluster >= "VID50"],
    }
    stated = {"benchmark": "sgg_anatomy", "generated": False, "seed": 0, "split_rule": "by video", "skipped": []}
    write(root, sides, root / "images", stated, {})
    return root


def test_every_file_has_its_hash_and_every_column_its_field(released):
    content = json.loads(write_croissant(released).read_text())
    assert {one["name"]: one["sha256"] for one in content["distribution"]} == {
        name: file_sha256(released / name) for name in ("questions.parquet", "manifest.json", "inputs.sha256")
    }
    columns = [one["source"]["extract"]["column"] for one in content["recordSet"][0]["field"]]
    assert columns == pq.read_schema(released / "questions.parquet").names
    assert content["license"] == BY_NC_SA
    assert "cluster 0; image 0" in content["rai:dataBiases"]
    assert "not computed: near-duplicate images" in content["rai:dataBiases"]


def test_croissants_reader_loads_the_questions(released, reader):
    path = write_croissant(released, published="2026-01-31")
    read = json.loads(reader("mlcroissant", READ, path))
    assert (read["errors"], read["warnings"]) == ([], [])
    questions = load(released).questions
    assert read["rows"] == len(questions) == 1000
    assert read["first"]["options"] == list(questions[0].options)
    assert read["first"]["id"] == questions[0].id


def test_the_set_stays_a_prepared_set(released):
    before = Counter(one.cluster for one in load(released).questions)
    write_croissant(released)
    assert (released / FILE).is_file()
    assert Counter(one.cluster for one in load(released).questions) == before
    check(released)


def test_generated_data_are_said_to_be_generated(export_data, tmp_path):
    content = json.loads(write_croissant(export_data / "sgg_anatomy_mini", tmp_path / FILE).read_text())
    assert content["description"].startswith("Generated ")
    assert content["license"].startswith("https://www.apache.org")
    assert "not real data" in content["citeAs"]


def test_a_set_of_one_split_has_nothing_to_compare(tmp_path):
    from tests.helpers.small_set import write_set

    content = json.loads(write_croissant(write_set(tmp_path)).read_text())
    assert content["rai:dataBiases"] == "leakage report: nothing to compare, the set has test alone"


def test_what_is_no_prepared_set_is_refused(tmp_path, export_data):
    with pytest.raises(DataError, match="no manifest of a prepared set"):
        write_croissant(tmp_path)
    foreign = tmp_path / "foreign"
    write(foreign, {"test": load(export_data / "sgg_anatomy_mini", "test").questions}, tmp_path, {"benchmark": "mine"})
    with pytest.raises(AnatomyR1Error, match="licence of mine is not known"):
        write_croissant(foreign)
