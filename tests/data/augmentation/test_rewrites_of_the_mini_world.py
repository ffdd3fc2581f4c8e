"""Every stem that the mini world can ask, in every surface form."""

from itertools import product

import pytest

from anatomy_r1.data.augmentation.groups import meaning, rewrites
from anatomy_r1.mini.ask import NOUNS, RELATIONS, location_stem
from anatomy_r1.mini.classes import ANATOMIES, COLORS, POSITIONS, label
from anatomy_r1.mini.microscopy import HEALTH_STEM, STEMS

LOCATION = [location_stem(cell) for cell in range(9)]
ZERO_HOP = [f"What is the {color} {place} anatomy?" for color, place in product(COLORS, POSITIONS)]
ONE_HOP = [
    f"What is the name of the {color} {noun} {relation} the {place} {label(name)} anatomy?"
    for color, noun, relation, place, name in product(COLORS, NOUNS, RELATIONS, POSITIONS, ANATOMIES)
]
MICROSCOPY = [stem for stems in STEMS.values() for stem in stems] + [HEALTH_STEM]
ALL = {"location": LOCATION, "zero_hop": ZERO_HOP, "one_hop": ONE_HOP, "microscopy": MICROSCOPY}


@pytest.mark.slow
@pytest.mark.parametrize("family", ALL)
def test_every_stem_has_four_forms_that_read_back_to_it(family):
    for stem in ALL[family]:
        forms = rewrites(stem)
        assert len(set(forms)) >= 3
        assert stem not in forms
        assert all(meaning(form) == meaning(stem) for form in forms)


def test_the_stems_of_a_family_are_different_questions():
    for stems in (LOCATION, ZERO_HOP):
        assert len({meaning(stem) for stem in stems}) == len(stems)
    # `object` and `thing` are one class in SSG-VQA.
    assert len({meaning(stem) for stem in ONE_HOP}) == len(ONE_HOP) * 2 // 3


@pytest.mark.parametrize("family", ALL)
def test_four_forms_need_no_word_that_the_tiny_models_do_not_know(family):
    pytest.importorskip("transformers")
    from anatomy_r1.mini.tokenizer import build_tokenizer

    tokenizer = build_tokenizer()
    for stem in ALL[family][:: 50 if family == "one_hop" else 1]:
        known = [f for f in rewrites(stem) if tokenizer.unk_token_id not in tokenizer(f).input_ids]
        assert len(known) >= 3, stem
