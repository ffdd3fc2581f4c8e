"""GRPO as DeepSeekMath defines it (arXiv:2402.03300; the paper's eq. 1 and 2).

The paper's eq. 2, as printed, has a whole-sequence ratio and no length normalisation; DeepSeekMath averages tokens
within each completion; the authors' framework (ms-swift) averages tokens over the device batch. These give three
different gradients. We use DeepSeekMath's; the others are `importance_sampling_level="sequence"` and
`loss_type="bnpo"`. TRL adds 1e-4 to the standard deviation of eq. 1.

SFT+GRPO starts from the SFT checkpoint, CoT SFT+GRPO from that of CoT-SFT. RL asks for `<think>` in both, as the paper
does, although SFT has not seen that prompt.
"""

from anatomy_r1.training.method_names import TITLES
from baselines.methods.method import Method

GRPO = Method(
    id="grpo",
    label=TITLES["grpo"],
    paper="arXiv:2402.03300 (Shao et al. 2024), Table 1",
    kind="rl",
    style="think",
    trainer="baselines.trainers.LoggedGRPOTrainer",
    budget="rl",
    release="GRPO",
    knobs={
        "loss_type": "grpo",  # mean over tokens of a completion, then over completions (DeepSeekMath eq. 3)
        "scale_rewards": "group",  # eq. 1: sample standard deviation of the group
        "importance_sampling_level": "token",
        "epsilon": 0.2,  # DeepSeekMath states no value; this is PPO's and TRL's default
        "num_iterations": 1,  # DeepSeekMath sec. 4.2: one update per rollout
        "use_bias_correction_kl": False,  # the classic KL estimate of eq. 2; TRL's default changes the gradient
    },
)

SFT_GRPO = GRPO.but("sft-grpo", start="sft")
COT_SFT_GRPO = GRPO.but("cot-sft-grpo", start="cot-sft")
