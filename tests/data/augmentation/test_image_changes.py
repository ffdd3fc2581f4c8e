import hashlib
import random

import numpy as np
import pytest
from PIL import Image

from anatomy_r1.data.augmentation.groups import MOST_NOISE, NOISE, noisy


def picture(mode="RGB", size=(64, 48)):
    """Mid-grey values with a dark left half, so that noise is not clipped and directions can be told."""
    bands = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    values = np.full((size[1], size[0], bands), 150, np.uint8)
    values[:, : size[0] // 2] = 90
    return Image.fromarray(values[..., 0] if bands == 1 else values, mode)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_size_mode_and_original_are_kept_and_a_seed_repeats(mode):
    image = picture(mode)
    before = image.tobytes()
    first, again, other = (noisy(image, random.Random(seed)) for seed in (1, 1, 2))
    assert (first.size, first.mode) == (image.size, image.mode)
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert image.tobytes() == before != first.tobytes()


@pytest.mark.parametrize("strength", [0.01, NOISE, 0.2])
def test_noise_has_no_direction_and_the_stated_strength(strength):
    image = picture(size=(128, 128))
    error = np.asarray(noisy(image, random.Random(0), strength), float) - np.asarray(image, float)
    assert abs(error.mean()) < 0.05 * strength * 255 + 0.05
    # Clipping at 0 and 255 takes a little of the strongest noise.
    assert error.std() == pytest.approx(strength * 255, rel=0.06)
    assert abs(np.corrcoef(error[..., 0].ravel(), error[..., 1].ravel())[0, 1]) < 0.05


def test_nothing_moves():
    """Dark left, bright right and the edge between them stay where they are."""
    for seed in range(10):
        columns = np.asarray(noisy(picture(), random.Random(seed)), float).mean((0, 2))
        assert columns[:31].max() < columns[33:].min()


def test_transparency_is_kept():
    image = picture("RGBA")
    image.putalpha(77)
    assert set(noisy(image, random.Random(0)).getchannel("A").tobytes()) == {77}


def test_no_noise_is_the_identity():
    assert noisy(picture(), random.Random(0), 0).tobytes() == picture().tobytes()


def test_a_seed_gives_the_images_of_earlier_results():
    digest = hashlib.sha256(noisy(picture(), random.Random(5), 0.1).tobytes()).hexdigest()
    assert digest == "4706c789e6742040e04da2f43100694fe2f13d5cf7aafd6980d0d8aefc7b3f0a"


@pytest.mark.parametrize("value", [-0.01, MOST_NOISE + 0.01, float("nan")])
def test_strengths_out_of_bounds_are_refused(value):
    with pytest.raises(ValueError, match="noise"):
        noisy(picture(), random.Random(0), value)


def test_an_unknown_mode_is_refused_with_a_fix():
    with pytest.raises(ValueError, match=r"mode P.*convert"):
        noisy(Image.new("P", (4, 4)), random.Random(0))
