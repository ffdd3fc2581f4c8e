"""TRL's trainers with the few overrides this project needs. One training step is explained in grpo.py, in order.

Only this package touches TRL's private methods. The overridden ones, which tests/baselines/trainers/test_trl_shape.py
checks against TRL 1.16.0:
- `_get_train_sampler` (grpo.py, sft.py): our order of questions, so that a resumed run serves the same ones;
- `_generate_and_score_completions` (grpo.py): chooses rows (curriculum), augments them, lets TRL sample and score them,
  and writes the training log;
- `_generate_single_turn` (grpo.py): passes unexpanded prompts to vLLM in colocate mode; with `shared_rollouts`, samples
  with one prefill a prompt (shared_rollouts.py);
- `_calculate_rewards` (grpo.py): has rewards read the text that evaluation reads, and keeps them by function, for the
  log, GPG and DAPO;
- `_prepare_inputs` (grpo.py): with `shared_prefix`, puts the rows of a group into one batch (batches.py);
- `_compute_loss` and `_get_per_token_logps_and_entropies` (grpo.py): keep the loss's inputs for `Recorder`; with
  `shared_prefix`, the latter computes rows with the same prompt and image once (shared_prefix.py, shared_scores.py);
- `processing_class`, which TRL asks for a batch's inputs: with `kept_inputs_mb`, it is another object while a batch is
  drawn (grpo.py, kept_inputs.py); and `get_image_features` of the model (shared_scores.py, kept_features.py);
- `training_step` (sft.py): writes the examples trained on to the training log.

GPG (gpg.py) overrides our own `draw`, DAPO (dapo.py) our own `collect`, PAPO (papo.py) `draw` and `add_terms`; ASC and
GDQA are settings in `RLConfig`.
"""

from baselines.trainers.config import RLConfig
from baselines.trainers.dapo import DAPOTrainer
from baselines.trainers.gpg import GPGTrainer
from baselines.trainers.grpo import LoggedGRPOTrainer
from baselines.trainers.papo import PAPOTrainer
from baselines.trainers.records import COMPLETE, KeepPolicies, LogSteps, Recorder, TrainingBar
from baselines.trainers.sft import OrderedSFTTrainer

__all__ = [
    "COMPLETE",
    "DAPOTrainer",
    "GPGTrainer",
    "KeepPolicies",
    "LogSteps",
    "LoggedGRPOTrainer",
    "OrderedSFTTrainer",
    "PAPOTrainer",
    "RLConfig",
    "Recorder",
    "TrainingBar",
]
