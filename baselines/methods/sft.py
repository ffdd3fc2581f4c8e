"""Supervised fine-tuning on the answer alone (SFT), or on a rule-based rationale and then the answer (CoT-SFT).

SFT sees the release's `sft_instruction` and learns `<answer> B </answer>`. CoT-SFT sees the instruction that asks for
`<think>` and learns `<think> rationale B </think> <answer> B </answer>`. The paper states no source for its rationales;
ours come from the scene graph (SGG) or the record's fields (OmniMedVQA), see `anatomy_r1/data/prepare/`.
"""

from anatomy_r1.training.method_names import TITLES
from baselines.methods.method import Method

SFT = Method(
    id="sft",
    label=TITLES["sft"],
    paper="arXiv:2512.19512, Table 1",
    kind="sft",
    style="direct",
    trainer="baselines.trainers.OrderedSFTTrainer",
    release="GRPO",
)

COT_SFT = SFT.but("cot-sft", paper="arXiv:2201.11903 (Wei et al. 2023), Table 1", style="think", budget="cot-sft")
