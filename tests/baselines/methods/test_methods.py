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
from baselines.methods.registry import FURTHER, METHODS, TABLE_1, find_method


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
    ids = list(TITLES)
    assert ids[-6:] == [*further, "control-majority", "control-naive-bayes"]
    assert [one.id for one in METHODS][-6:] == ids[-6:]
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
            assert resolved["seed"] == 3
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
    with pytest.raises(AnatomyR1Error, match="mini, paper"):
        load_profile("nope")
