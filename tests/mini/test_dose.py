"""Doses: what they do to the names that a base says, and that a dosed base differs in its strength alone."""

import pytest
from safetensors.torch import load_file

from anatomy_r1.mini.architecture import build_model, build_processor, save
from anatomy_r1.mini.classes import ANATOMIES
from anatomy_r1.mini.descriptors import anatomy_likeness
from anatomy_r1.mini.dose import Dose, give
from anatomy_r1.mini.lessons import Habits, name_odds
from anatomy_r1.mini.recipe import toy


def odds(right, options, **dose):
    return dict(name_odds(right, options, Habits(0.8, 0.5, gain=1.45, rare=1.0, **dose)))


def test_without_a_dose_all_distractors_are_alike():
    found = odds("Liver", ("Gut", "Liver", "Omentum", "Gallbladder"))
    assert len({round(found[name], 12) for name in ("Gut", "Omentum", "Gallbladder")}) == 1
    assert found["Liver"] == pytest.approx(1.45 / 4.45)


def test_likeness_makes_alike_distractors_likely_and_others_unlikely():
    likeness = anatomy_likeness()
    near = max(likeness, key=likeness.__getitem__)
    far = min((pair for pair in likeness if pair[0] == near[0]), key=likeness.__getitem__)
    assert sum(likeness.values()) == pytest.approx(0, abs=1e-9)
    options = (near[0], near[1], far[1])
    by_dose = [odds(near[0], options, likeness=dose) for dose in (0.0, 1.0, 3.0)]
    ratios = [found[near[1]] / found[far[1]] for found in by_dose]
    assert ratios[0] == pytest.approx(1)
    assert ratios == sorted(ratios)
    assert ratios[2] > 3


def test_a_peak_prefers_the_same_names_whatever_is_right():
    options = ANATOMIES[:4]
    for right in options:
        found = odds(right, options, peak=3.0)
        assert max(found, key=found.__getitem__) == options[0]
        assert found[options[0]] > 0.85


def test_a_dose_below_nothing_is_refused():
    with pytest.raises(ValueError, match="0 or more"):
        Dose(peak=-1.0)


@pytest.mark.slow
def test_a_dosed_base_is_the_same_again_and_another_with_another_dose(tmp_path):
    processor, made = build_processor(rewrites=True), {}
    save(build_model("mini-s", processor, 5), processor, tmp_path / "base")
    for name, dose in (("none", Dose()), ("again", Dose()), ("peak", Dose(peak=2.0))):
        give(tmp_path / "base", tmp_path / name, dose, toy("worded"))
        made[name] = load_file(tmp_path / name / "model.safetensors")
    start = load_file(tmp_path / "base" / "model.safetensors")
    assert all((made["none"][key] == made["again"][key]).all() for key in start)
    assert any((made["none"][key] != start[key]).any() for key in start)
    assert any((made["none"][key] != made["peak"][key]).any() for key in start)
