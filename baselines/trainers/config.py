"""Settings of our RL trainers: TRL's and those of the methods, filled from a profile's budget and a method's knobs."""

from __future__ import annotations

from dataclasses import dataclass

from trl import GRPOConfig

from anatomy_r1.data.augmentation.groups import MOST_NOISE


@dataclass
class RLConfig(GRPOConfig):  # type: ignore[misc]
    """`GRPOConfig` and the methods' own settings, all off by default: the default is TRL's GRPO.

    Settings that would silently not do what they say are a ValueError.
    """

    own_steps: int = 0
    """Steps of the method's own budget; beyond them the run continues, up to `max_steps`, only for `rollout_tokens`. 0
    means `max_steps`."""
    rollout_tokens: int = 0
    """Number of sampled tokens at which a second policy is kept, for the arm of equal tokens; 0 keeps none."""
    resample_rounds: int = 0
    """DAPO, dynamic sampling: the largest number of further draws for groups without signal."""
    overlong_share: float = 0.0
    """DAPO, overlong shaping: share of `max_completion_length` over which the penalty grows; 0 is off."""
    similarity: str | None = None
    """Source of S(q): `mini` (the mini world's descriptors) or a JSON file; None logs no S(q) and allows no ASC."""
    curriculum: str = ""
    """ASC: `levels` (distractors by level), `pool` (the same distractors without levels), `ordered` (own distractors,
    easy questions first); empty is off."""
    shuffle_similarity: bool = False
    """ASC's placebo: levels from similarities under permuted names."""
    level_count: int = 3
    """ASC: number of levels."""
    level_window: int = 5
    """ASC: batches over which accuracy is averaged."""
    level_threshold: float = 0.5
    """ASC: mean accuracy at which the next level begins."""
    augment_text: bool = False
    """GDQA: members of a group see different wordings of the question."""
    augment_image: bool = False
    """GDQA: members of a group see the image with different noise."""
    noise_strength: float = 0.05
    """GDQA: standard deviation of the noise as a share of the full range (ours: the paper states none)."""
    shared_prefix: bool = False
    """Compute the log-probabilities of rows with the same prompt and image in one row (shared_prefix.py)."""
    shared_rollouts: bool = False
    """Without vLLM: read each prompt and its image once for its group's completions (shared_rollouts.py)."""
    kept_inputs_mb: int = 0
    """Megabytes in which processed images and prompts are kept, within a step and over steps (kept_inputs.py)."""
    kept_features_mb: int = 0
    """Megabytes in which the features of a frozen vision tower are kept over steps (kept_features.py)."""
    parity_band: float = 0.0
    """Nats by which sampler and trainer may differ in a token's log-probability (parity.py); 0: no check."""
    parity_stop: float = 0.0
    """Share of a batch's tokens outside the band above which training ends; 0: never."""
    perception_weight: float = 0.0
    """PAPO, gamma: weight of the KL divergence between the policy with the image and with a masked one."""
    double_entropy_weight: float = 0.0
    """PAPO, eta: weight of both entropies."""
    masked_share: float = 0.0
    """PAPO: probability with which a patch of the masked image is black."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.own_steps = self.own_steps or self.max_steps
        if self.own_steps > self.max_steps > 0:
            raise ValueError(f"own_steps {self.own_steps} is beyond max_steps {self.max_steps}, which ends the run")
        if self.rollout_tokens and not str(self.lr_scheduler_type.value).startswith("constant"):
            raise ValueError("two budgets in one run need a constant learning rate: set lr_scheduler_type to constant")
        self._check_curriculum()
        self._check_batches()
        if self.augment_image and not 0 < self.noise_strength <= MOST_NOISE:
            told = f"noise_strength {self.noise_strength:g} should be above 0, at most {MOST_NOISE:g}"
            raise ValueError(f"{told}: each member of a group sees an image of its own")
        if (self.perception_weight or self.double_entropy_weight) and not 0 < self.masked_share <= 1:
            raise ValueError(f"masked_share {self.masked_share:g}: a masked image needs a share above 0, at most 1")
        if self.parity_stop and not self.parity_band:
            raise ValueError("parity_stop without parity_band: name the band, for example parity_band: 0.5")
        if self.parity_band and not (self.use_vllm or self.shared_rollouts):
            fix = "Fix: use_vllm, shared_rollouts, or no parity_band and parity_stop"
            raise ValueError(f"parity_band, and transformers states no log-probabilities of its rollouts. {fix}")
        if self.augments and self.use_vllm and self.vllm_mode == "server":
            raise ValueError("vLLM's server mode samples a whole group from one prompt (TRL 1.16), which undoes GDQA")

    def _check_curriculum(self) -> None:
        curricula = ("", "levels", "pool", "ordered")
        if self.curriculum not in curricula:
            raise ValueError(f"curriculum {self.curriculum!r}; there are: {', '.join(map(repr, curricula))}")
        if not self.curriculum:
            return
        if not self.similarity:
            raise ValueError("a curriculum needs similarities. Fix: set `similarity` to `mini` or to a JSON file")
        batches = self.steps_per_generation * self.num_iterations
        if batches != self.gradient_accumulation_steps or self.logging_steps != 1:
            raise ValueError("a curriculum needs one generated batch an optimiser step, and logging_steps of 1")
        if self.resample_rounds:
            raise ValueError("resample_rounds with a curriculum: further draws would serve questions outside of it")

    def _check_batches(self) -> None:
        if self.gradient_accumulation_steps > self.steps_per_generation * self.num_iterations:
            told = f"gradient_accumulation_steps {self.gradient_accumulation_steps} takes several generated batches"
            fix = f"Fix: steps_per_generation: {self.gradient_accumulation_steps}, or leave it out"
            raise ValueError(f"{told}, whose rollouts would replace each other in the training log. {fix}")
        rows = self.per_device_train_batch_size * self.steps_per_generation
        if self.resample_rounds and rows % self.num_generations:
            told = f"{rows} completions are not whole groups of num_generations {self.num_generations}"
            raise ValueError(f"dynamic sampling needs whole groups in each process, and {told}")

    @property
    def augments(self) -> bool:
        """Whether members of a group see different prompts or images."""
        return self.augment_text or self.augment_image
