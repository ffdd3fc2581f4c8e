"""The imports of all stages, done once before stages are forked (see `baselines/grid/pool.py`).

Nothing is computed here: a process with threads must not be forked.
"""

import transformers.models.qwen2_5_vl.modeling_qwen2_5_vl
import transformers.models.qwen2_5_vl.processing_qwen2_5_vl
import trl
from transformers import AutoModelForImageTextToText, AutoProcessor

import anatomy_r1.evaluation.engines.transformers_engine
import anatomy_r1.mini.base
import anatomy_r1.mini.phases
import baselines.stages.data
import baselines.stages.evaluate
import baselines.stages.stages
import baselines.stages.train
import baselines.trainers

__all__ = ["AutoModelForImageTextToText", "AutoProcessor", "anatomy_r1", "baselines", "transformers", "trl"]
