"""The perceptual hash on generated frames: changed pictures are found, other frames of the same video are not."""

import io
import itertools
import random

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from anatomy_r1.data.augmentation.groups import noisy
from anatomy_r1.data.leakage.passport import THRESHOLD, NearDuplicate, hash_images, near_duplicates
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.mini.scene import draw_clear_scene, draw_look


@pytest.fixture(scope="module")
def frames():
    """Twelve frames of each of two videos."""
    found = {}
    for video in (1, 2):
        rng = np.random.default_rng([7, video])
        look = draw_look(rng)
        found |= {f"V{video}/{i:02d}.png": Image.fromarray(draw_clear_scene(rng, look).image) for i in range(12)}
    return found


def hashes(folder, pictures):
    for name, picture in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(folder / name)
    return hash_images(folder, pictures)


def jpeg(picture):
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=50)
    return Image.open(data)


CHANGES = {
    "noise of 5 %": lambda p: noisy(p, random.Random(0), 0.05),
    "noise of 10 %": lambda p: noisy(p, random.Random(0), 0.1),
    "darker by a fifth": lambda p: ImageEnhance.Brightness(p).enhance(0.8),
    "brighter by a fifth": lambda p: ImageEnhance.Brightness(p).enhance(1.2),
    "noise on a darker one": lambda p: noisy(ImageEnhance.Brightness(p).enhance(0.8), random.Random(0), 0.1),
    "less contrast": lambda p: ImageEnhance.Contrast(p).enhance(0.8),
    "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(1)),
    "half the size": lambda p: p.resize((p.width // 2, p.height // 2)),
    "saved as JPEG": jpeg,
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_frame_is_found_again_after_a_change_and_no_other_is(frames, tmp_path, name):
    changed = {path: CHANGES[name](picture) for path, picture in frames.items()}
    pairs = near_duplicates(hashes(tmp_path / "train", frames), hashes(tmp_path / "test", changed))
    assert [(pair.train, pair.test) for pair in pairs] == [(path, path) for path in frames]


def test_frames_of_one_video_are_far_from_each_other(frames, tmp_path):
    known = hashes(tmp_path, frames)
    assert {(pair.train, pair.test) for pair in near_duplicates(known, known)} == {(path, path) for path in frames}
    bits = [bin(int(a, 16) ^ int(b, 16)).count("1") for a, b in itertools.combinations(known.values(), 2)]
    assert min(bits) > 1.5 * THRESHOLD  # room on this side of the threshold too


@pytest.mark.parametrize(("bits", "close"), [(0, True), (THRESHOLD, True), (THRESHOLD + 1, False), (256, False)])
def test_the_threshold_itself_is_near(bits, close):
    one, other = f"{0:064x}", f"{(1 << bits) - 1:064x}"
    assert list(near_duplicates({"a": one}, {"b": other})) == ([NearDuplicate("a", "b", bits)] if close else [])


def test_no_images_no_pairs():
    assert list(near_duplicates({}, {"b": "0" * 64})) == list(near_duplicates({"a": "0" * 64}, {})) == []


def test_a_missing_image_is_named_with_a_fix(tmp_path):
    with pytest.raises(AnatomyR1Error, match=r"gone\.png.*data check"):
        hash_images(tmp_path, ["gone.png"])
