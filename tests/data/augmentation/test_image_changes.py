import random

import numpy as np
import pytest
from PIL import Image

from anatomy_r1.data.augmentation.groups import NOISE, ImageChange, noisy


def picture(mode="RGB", size=(64, 48)):
    """Mid-grey values with a dark left half, so that noise is not clipped and directions can be told."""
    bands = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    values = np.full((size[1], size[0], bands), 150, np.uint8)
    values[:, : size[0] // 2] = 90
    return Image.fromarray(values[..., 0] if bands == 1 else values, mode)


ALL_ON = ImageChange(noise=0.05, brightness=0.2, contrast=0.2, blur=1.0)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("change", [noisy, ALL_ON], ids=["noise", "all"])
def test_size_mode_and_original_are_kept_and_a_seed_repeats(mode, change):
    image = picture(mode)
    before = image.tobytes()
    first, again, other = (change(image, random.Random(seed)) for seed in (1, 1, 2))
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


@pytest.mark.parametrize("seed", range(20))
def test_brightness_and_contrast_stay_in_bounds_and_keep_the_hue(seed):
    image = Image.new("RGB", (8, 8), (165, 62, 55))
    bright = np.asarray(ImageChange(0, brightness=0.2)(image, random.Random(seed)), float)[0, 0]
    ratios = bright / (165, 62, 55)
    assert ratios.min() > 0.78 and ratios.max() < 1.22
    assert np.ptp(ratios) < 0.03  # rounding only: red stays red
    flat = np.asarray(ImageChange(0, contrast=0.2)(image, random.Random(seed)), float)[0, 0]
    assert flat.argmax() == 0 and flat[0] - flat[2] >= 0.75 * (165 - 55)


def test_nothing_moves():
    """Dark left, bright right and the edge between them stay where they are."""
    for seed in range(10):
        columns = np.asarray(ALL_ON(picture(), random.Random(seed)), float).mean((0, 2))
        assert columns[:31].max() < columns[33:].min()


def test_transparency_is_kept():
    image = picture("RGBA")
    image.putalpha(77)
    assert set(ALL_ON(image, random.Random(0)).getchannel("A").tobytes()) == {77}


def test_all_off_is_the_identity():
    assert ImageChange(noise=0)(picture(), random.Random(0)).tobytes() == picture().tobytes()


def test_one_change_does_not_shift_what_another_draws():
    """The noise of a seed is the same with and without brightness."""
    black = Image.new("RGB", (32, 32))  # stays black under brightness
    plain, both = (ImageChange(0.1, brightness=b)(black, random.Random(5)) for b in (0.0, 0.2))
    assert plain.tobytes() == both.tobytes()


@pytest.mark.parametrize("name", ["noise", "brightness", "contrast", "blur"])
@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan")])
def test_strengths_out_of_bounds_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        ImageChange(**{name: value})


def test_an_unknown_mode_is_refused_with_a_cure():
    with pytest.raises(ValueError, match=r"mode P.*convert"):
        noisy(Image.new("P", (4, 4)), random.Random(0))
