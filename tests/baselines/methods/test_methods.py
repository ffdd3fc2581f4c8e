"""Methods and profiles as values: what they resolve to, and that contradictions are refused."""

import subprocess
import sys

import pytest
import yaml

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.method_names import TITLES
from baselines.experiment.cell import arguments
from baselines.experiment.plan import rows
from baselines.experiment.profile import PROFILES, load_profile
from baselines.methods.grpo import GRPO
from baselines.methods.method import Method
from baselines.methods.registry import CALIBRATION, FURTHER, METHODS, TABLE_1, find_method


def test_but_merges_knobs_and_leaves_the_original_alone():
    other = GRPO.but("x", "X", knobs={"beta": 0.0}, style="direct")
    assert dict(other.knobs) == {**GRPO.knobs, "beta": 0.0}
    assert "beta" not in GRPO.knobs
    assert (other.id, other.style, GRPO.style) == ("x", "direct", "think")


def test_a_trained_method_needs_a_trainer():
    with pytest.raises(ValueError, match="does not go with trainer"):
        Method("x", "X", "", kind="rl", style="think")


def test_unknown_method_lists_the_known_ones():
    with pytest.raises(AnatomyR1Error, match="zero-shot, sft, cot-sft, sft-grpo, cot-sft-grpo, grpo"):
        find_method("nope")


def test_methods_of_other_papers_are_in_all_and_in_no_default():
    """They follow the other methods in tables, before the controls."""
    further = [one.id for one in FURTHER]
    assert further == ["dr-grpo", "gspo", "papo", "grpo-overlong"]
    calibration = [one.id for one in CALIBRATION]
    last = [*further, *calibration, "control-majority", "control-naive-bayes"]
    assert list(TITLES)[-len(last) :] == [one.id for one in METHODS][-len(last) :] == last
    assert not set(calibration) & set(rows(["all"], []))  # they test the instrument
    assert set(further) <= set(rows(["all"], []))
    assert not set(further) & {one.id for one in TABLE_1}
    for path in PROFILES.glob("*.yaml"):
        assert not set(further) & set(load_profile(path.stem).default["methods"])


def test_ids_are_unique():
    assert len({m.id for m in METHODS}) == len(METHODS)


@pytest.mark.parametrize("module", ["methods", "__main__"], ids=["listing methods", "help"])
def test_listing_methods_and_help_import_nothing_heavy(module):
    code = f"import sys, baselines.{module}; assert not {{'torch', 'trl', 'transformers', 'pandas'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", sorted(path.stem for path in PROFILES.glob("*.yaml")))
def test_every_profile_resolves_every_method(name):
    profile = load_profile(name)
    for known in METHODS:
        if known.trained:
            resolved = arguments(profile, known, seed=3)
            assert resolved["seed"] == 3 + known.seed_shift
            assert resolved["max_steps"] > 0
            assert {k: resolved[k] for k in known.knobs} == dict(known.knobs)


@pytest.mark.parametrize("name", sorted(path.stem for path in PROFILES.glob("*.yaml")))
def test_grpo_keeps_its_kl_term_and_its_own_loss(name):
    resolved = arguments(load_profile(name), GRPO, seed=0)
    assert resolved["beta"] > 0  # paper, eq. 2
    assert (resolved["loss_type"], resolved["scale_rewards"]) == ("grpo", "group")
    assert resolved["use_bias_correction_kl"] is False


def test_unknown_and_missing_keys_of_a_profile_are_named(tmp_path):
    raw = yaml.safe_load((PROFILES / "mini.yaml").read_text())
    raw["sedes"] = raw.pop("needs")
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(AnatomyR1Error, match=r"missing key 'needs'; unknown key 'sedes'"):
        load_profile(str(path))


def test_unknown_profile_lists_the_known_ones():
    with pytest.raises(AnatomyR1Error, match="mini, mini-first, paper"):
        load_profile("nope")


def test_twice_the_budget_is_twice_the_steps_and_no_more():
    budget = load_profile("mini").budget("rl")
    once, twice = (arguments(load_profile("mini"), find_method(one), seed=0) for one in ("grpo", "grpo-twice"))
    assert twice["own_steps"] == twice["max_steps"] == 2 * budget["own_steps"]
    assert twice["rollout_tokens"] == 0
    assert {key for key in once if once[key] != twice[key]} <= {"own_steps", "max_steps", "rollout_tokens"}
    with pytest.raises(ValueError, match="budget_times 0"):
        GRPO.but("x", "X", budget_times=0)


def test_methods_of_the_calibration_differ_from_grpo_in_one_thing():
    profile = load_profile("mini")
    plain = arguments(profile, GRPO, seed=3)
    differing = {}
    for known in ("grpo-again", "grpo-gdqa-off", "grpo-flipped"):
        given = arguments(profile, find_method(known), seed=3)
        differing[known] = {key: given[key] for key in given if given[key] != plain.get(key, False)}
    assert differing == {"grpo-again": {"seed": 10_003}, "grpo-gdqa-off": {}, "grpo-flipped": {}}
