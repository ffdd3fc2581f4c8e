import random
import warnings

import pytest
from PIL import Image

from anatomy_r1.data.augmentation.groups import RepeatedPrompts, augment_group, rewrites
from tests.data.augmentation.conftest import question

STEMS = (
    "What anatomy is at the bottom-mid of the frame ?",
    "What is the red anatomy?",
    "There is a white object left of the yellow top-mid omentum anatomy; what is it?",
    "What type of scan is this?",
)
IMAGE = Image.new("RGB", (28, 28), (120, 60, 50))


def keys(shown):
    return [(pair.stem, pair.image.tobytes()) for pair in shown]


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("members", [1, 2, 8, 40])
def test_no_two_members_share_a_pair_and_the_first_has_the_original(stem, members):
    shown = augment_group(question(stem), IMAGE, members, random.Random(3))
    assert len(set(keys(shown))) == members
    assert keys(shown)[0] == (stem, IMAGE.tobytes())
    assert {pair.stem for pair in shown} <= {stem, *rewrites(stem)}


def test_a_seed_repeats_and_another_differs():
    first, again, other = (keys(augment_group(question(STEMS[0]), IMAGE, 8, random.Random(s))) for s in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("stem", STEMS)
def test_each_ablation_differs_in_exactly_one_thing(stem):
    def shown(**switches):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RepeatedPrompts)
            return augment_group(question(stem), IMAGE, 8, random.Random(7), **switches)

    full, no_text, no_image, grpo = shown(), shown(text=False), shown(image_noise=False), shown(
        text=False, image_noise=False
    )  # fmt: skip
    assert [p.image.tobytes() for p in no_text] == [p.image.tobytes() for p in full]
    assert [p.stem for p in no_image] == [p.stem for p in full]
    assert {p.stem for p in no_text} == {stem}
    assert {p.image.tobytes() for p in no_image} == {IMAGE.tobytes()}
    assert set(keys(grpo)) == {(stem, IMAGE.tobytes())}
    assert len(set(keys(no_text))) == 8


def test_what_follows_does_not_depend_on_the_ablation():
    """So that the next group of two methods draws the same."""
    left = []
    for switches in ({}, {"text": False}, {"image_noise": False}, {"text": False, "image_noise": False}):
        rng = random.Random(7)
        augment_group(question(STEMS[0]), IMAGE, 8, rng, **switches)
        left.append(rng.random())
    assert len(set(left)) == 1


def test_without_noise_rewrites_repeat_with_a_warning():
    forms = ("Name the red anatomy.", "Please identify the red anatomy.")
    with pytest.warns(RepeatedPrompts, match="3 wordings for 7 members"):
        shown = augment_group(question(STEMS[1]), IMAGE, 7, random.Random(0), image_noise=False, forms=forms)
    stems = [pair.stem for pair in shown]
    assert set(stems[:3]) == {STEMS[1], *forms}
    assert stems[3:6] == stems[:3] and stems[6] == STEMS[1]


def test_enough_rewrites_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = augment_group(question(STEMS[0]), IMAGE, 8, random.Random(0), image_noise=False)
        augment_group(question(STEMS[0]), IMAGE, 8, random.Random(0), image_noise=False, text=False)
    assert len({pair.stem for pair in shown}) == 8


def test_a_change_that_changes_nothing_is_refused():
    with pytest.raises(ValueError, match=r"no image of its own.*28x28"):
        augment_group(question(STEMS[0]), IMAGE, 2, random.Random(0), change=lambda image, rng: image.copy())
