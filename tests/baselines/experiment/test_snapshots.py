"""The resolved arguments of every method in every profile are pinned, defaults of TRL included.

After an intended change: UPDATE_SNAPSHOTS=1 pytest tests/baselines/experiment/test_snapshots.py, and list in the
changelog what moved.
"""

import json
import os
from pathlib import Path

import pytest

from baselines.experiment.cell import arguments
from baselines.experiment.profile import PROFILES, load_profile
from baselines.methods.registry import METHODS

pytest.importorskip("trl")
SNAPSHOTS = Path(__file__).parent / "snapshots"
OF_THE_MACHINE = {"output_dir", "logging_dir", "run_name", "local_rank", "deepspeed_plugin", "accelerator_config"}


def resolved(profile, method):
    """All trainer arguments, as the arguments object has them."""
    from trl import SFTConfig

    from baselines.trainers import RLConfig

    kind = RLConfig if method.kind == "rl" else SFTConfig
    here = {"output_dir": "x", "use_cpu": True, "report_to": "none"}  # a profile for GPUs is resolved without one
    full = kind(**{**arguments(profile, method, seed=0), **here}).to_dict()
    return {key: json.loads(json.dumps(value, default=str)) for key, value in full.items() if key not in OF_THE_MACHINE}


def snapshot(profile):
    """Arguments shared by all methods of a kind, once, and those of each method that differ."""
    found = {}
    for kind in ("sft", "rl"):
        every = {m.id: resolved(profile, m) for m in METHODS if m.kind == kind}
        first = next(iter(every.values()))
        shared = {k: v for k, v in first.items() if all(other[k] == v for other in every.values())}
        own = {name: {k: v for k, v in full.items() if k not in shared} for name, full in every.items()}
        found[kind] = {"shared": shared, "methods": own}
    return found


@pytest.mark.parametrize("name", sorted(path.stem for path in PROFILES.glob("*.yaml")))
def test_resolved_arguments_are_those_that_were_pinned(name):
    path, found = SNAPSHOTS / f"{name}.json", snapshot(load_profile(name))
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    assert found == json.loads(path.read_text())


def test_each_method_differs_from_grpo_in_what_its_file_says():
    own = json.loads((SNAPSHOTS / "mini.json").read_text())["rl"]["methods"]
    differing = {name: {k for k, v in args.items() if v != own["grpo"][k]} for name, args in own.items()}
    assert differing["sft-grpo"] == differing["cot-sft-grpo"] == differing["grpo"] == set()
    assert differing["gpg"] == {"loss_type", "epsilon_high", "scale_rewards", "beta"}
    assert differing["dapo"] == {"loss_type", "epsilon_high", "beta", "resample_rounds", "overlong_share"}
    assert differing["grpo-asc"] == {"curriculum"}
    assert differing["grpo-asc-shuffled"] == {"curriculum", "shuffle_similarity"}
    assert differing["grpo-gdqa"] == {"augment_text", "augment_image"}
    assert differing["grpo-gdqa-no-text"] == {"augment_image"}
    assert differing["grpo-gdqa-no-image"] == {"augment_text"}
    assert differing["dr-grpo"] == {"loss_type", "scale_rewards", "beta"}
    assert differing["gspo"] == {"importance_sampling_level", "epsilon", "epsilon_high", "beta"}
    assert differing["papo"] == {"perception_weight", "double_entropy_weight", "masked_share"}
    assert differing["grpo-overlong"] == {"overlong_share"}
