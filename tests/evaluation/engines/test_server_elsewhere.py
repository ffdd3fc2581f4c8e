"""The same server at another address is the same model; and pictures are those that the local engines show."""

import base64
import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from anatomy_r1.comparison.systems import load_systems
from anatomy_r1.data.images import open_rgb
from anatomy_r1.data.prepared import write
from anatomy_r1.data.shown import image_hash
from anatomy_r1.response_log.log import ResponseLog, merge, salvage
from tests.helpers.chat_server import serving
from tests.helpers.server_runs import rows, run
from tests.helpers.small_set import questions

pytestmark = pytest.mark.slow


def entries(log):
    with ResponseLog(log, read_only=True) as opened:
        return opened.provenance_entries()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "0.0.0.0"], ids=["port", "host", "another machine"])
def test_case_25_the_same_server_at_another_address_continues_the_run(data, tmp_path, name):
    with serving() as server:
        first = run(server, data, tmp_path / "log", limit=2)
    with serving(about={"max_model_len": 8192}) as other:
        url = other.url.replace("127.0.0.1", name)
        second = run(other, data, tmp_path / "log", limit=2, base_url=url, allow_upload=True)
    assert (first.generated, second.generated) == (12, 0)
    assert second.run == first.run
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        assert [entry["base_url"] for entry in log.provenance(first.run)] == [server.url, url]
        assert "base_url" not in json.dumps(log.runs())
        assert str(server.server_port) not in json.dumps(log.runs())


def test_case_25_logs_from_two_addresses_are_seeds_of_one_system(data, tmp_path):
    for seed in (0, 1):
        with serving() as server:
            run(server, data, tmp_path / f"{seed}", limit=None, seed=seed)
    (system,) = load_systems([f"theirs={tmp_path}/0", f"theirs={tmp_path}/1"], data)
    assert system.seeds == (0, 1)


@pytest.mark.parametrize("about", [{"root": "/models/step200"}, {"parent": "base"}, {"owned_by": "sglang"}])
def test_case_25_what_is_served_under_the_name_stays_part_of_the_identity(data, tmp_path, about):
    with serving() as server:
        run(server, data, tmp_path / "log", limit=1)
    with serving(about=about) as other:
        assert run(other, data, tmp_path / "log", limit=1).generated == 6


def test_provenance_is_kept_by_merge_and_salvage(data, tmp_path):
    for seed in (0, 1):
        with serving() as server:
            run(server, data, tmp_path / f"{seed}", limit=1, seed=seed)
    merge([tmp_path / "0", tmp_path / "1"], tmp_path / "both")
    assert entries(tmp_path / "both") == entries(tmp_path / "0") + entries(tmp_path / "1")
    salvage(tmp_path / "both", tmp_path / "saved")
    assert entries(tmp_path / "saved") == entries(tmp_path / "both")
    assert len(entries(tmp_path / "saved")) == 2


MANIFEST = {"benchmark": "sgg_anatomy_mini", "generated": True, "seed": 0}
PICTURES = {
    "a.tif": ({}, lambda: Image.new("RGB", (96, 64), (9, 80, 200)), "image/png"),
    "b.bmp": ({}, lambda: Image.new("RGB", (96, 64), (9, 80, 200)), "image/png"),
    "deep.tiff": ({}, lambda: Image.fromarray(np.arange(96 * 64, dtype=np.uint16).reshape(64, 96) // 2), "image/png"),
    "deep.png": ({}, lambda: Image.fromarray(np.arange(96 * 64, dtype=np.uint16).reshape(64, 96) // 2), "image/png"),
    "turned.jpg": ({"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"}, None, "image/png"),
    "plain.jpg": ({}, None, "image/jpeg"),
    "plain.gif": ({}, lambda: Image.new("P", (96, 64), 3), "image/gif"),
    "plain.webp": ({"lossless": True}, lambda: Image.new("RGB", (96, 64), (9, 80, 200)), "image/webp"),
    "misnamed.png": ({"format": "BMP"}, lambda: Image.new("RGB", (96, 64), (9, 80, 200)), "image/png"),
}  # fmt: skip
"""Name -> how it is saved, its picture, and the type that is sent."""


@pytest.mark.parametrize("name", PICTURES)
def test_case_14_pictures_go_as_hosted_apis_take_them_and_show_what_local_engines_show(tmp_path, capsys, name):
    saving, make, media_type = PICTURES[name]
    path, (question,) = tmp_path / "images" / "VID00" / name, questions(1)
    path.parent.mkdir(parents=True)
    image = make() if make else Image.fromarray(np.tile(np.arange(96, dtype=np.uint8), (64, 1))).convert("RGB")
    image.save(path, **saving)
    asked = [replace(question, image=f"VID00/{name}")]
    write(tmp_path / "set", {"test": asked}, tmp_path / "images", MANIFEST)
    with serving() as server:
        found = run(server, tmp_path / "set", tmp_path / "log", limit=1)
    url = server.requests[0]["messages"][0]["content"][0]["image_url"]["url"]
    head, _, content = url.partition(",")
    assert head == f"data:{media_type};base64"
    shown = Image.open(BytesIO(base64.b64decode(content))).convert("RGB")
    assert np.array_equal(np.asarray(shown), np.asarray(open_rgb(path)))
    assert rows(tmp_path / "log")[0].key.image_hash == image_hash(str(path)), "the key names the file"
    own = base64.b64decode(content) == path.read_bytes()
    assert own == (name in ("plain.jpg", "plain.gif", "plain.webp"))
    said = f"notice: images sent as PNG, not as they are: 1 {path.suffix}" in capsys.readouterr().err
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        recorded = log.provenance(found.run)[-1].get("observed", {}).get("images_sent_as_png")
    assert (said, recorded) == ((False, None) if own else (True, {path.suffix: 1}))
