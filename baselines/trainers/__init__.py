"""TRL's trainers with the few overrides this project needs. Nothing else in the project touches TRL's private methods.

Overridden, with a test that TRL 1.16.0 still has them (tests/baselines/trainers/test_trl_shape.py):
- `_get_train_sampler` (grpo.py, sft.py): our order, so that a resumed run serves the same questions;
- `_generate_single_turn` (grpo.py): hands vLLM unexpanded prompts in colocate mode;
- `_calculate_rewards` (grpo.py): keeps the gathered rewards by function, for the log, GPG and DAPO;
- `_generate_and_score_completions` (grpo.py): serves rows (curriculum, augmentation), lets TRL sample and score them,
  writes the training log;
- `training_step` (sft.py): writes what is learned from into the training log;
- `_compute_loss` and `_get_per_token_logps_and_entropies` (grpo.py): keep a copy of some batches (record.py).

GPG (gpg.py) and DAPO (dapo.py) override our own `draw` and `collect`; ASC and GDQA are values of `RLConfig`.
"""

from baselines.trainers.config import RLConfig
from baselines.trainers.dapo import DAPOTrainer
from baselines.trainers.gpg import GPGTrainer
from baselines.trainers.grpo import LoggedGRPOTrainer
from baselines.trainers.policies import KeepPolicies
from baselines.trainers.records import Recorder
from baselines.trainers.sft import OrderedSFTTrainer
from baselines.trainers.steps import COMPLETE, LogSteps

__all__ = [
    "COMPLETE",
    "DAPOTrainer",
    "GPGTrainer",
    "KeepPolicies",
    "LogSteps",
    "LoggedGRPOTrainer",
    "OrderedSFTTrainer",
    "RLConfig",
    "Recorder",
]
