"""The published chat templates, image processors and pixel limits of Qwen2.5-VL and Qwen3-VL, without their weights.

The templates of the Instruct models are the hub's, which TRL has (Apache-2.0); that of the Thinking models is a
stand-in of ours, which opens the reasoning as theirs does (`tests/helpers/qwen3_vl.py`).
"""

from dataclasses import dataclass
from functools import cache

from PIL import Image
from trl.chat_template_utils import qwen2_5_vl_chat_template, qwen3_vl_chat_template

from baselines.experiment.profile import load_profile
from tests.helpers import qwen_vocabulary
from tests.helpers.qwen3_vl import THINKING

FRAME = (854, 480)
ASKED = "What is it?"
IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
USER = f"<|im_start|>user\n{IMAGE}{ASKED}<|im_end|>\n<|im_start|>assistant\n"
SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"


@dataclass(frozen=True)
class Published:
    """What a family's configuration files state, and what follows for a frame."""

    model: str
    template: str
    rendered: str
    patch: int
    grid: tuple[int, int]
    """Rows and columns of a frame's image tokens."""
    mean: tuple[float, ...]
    thinks: bool = False


CLIP = (0.48145466, 0.4578275, 0.40821073)
FAMILIES = (
    Published("qwen2.5-vl-3b", qwen2_5_vl_chat_template, SYSTEM + USER, 14, (17, 30), CLIP),
    Published("qwen3-vl-4b", qwen3_vl_chat_template, USER, 16, (15, 27), (0.5, 0.5, 0.5), thinks=True),
)


def published(model):
    """What is published of a model of the profiles."""
    first = FAMILIES[int(model.startswith("qwen3"))]
    opened = {"template": THINKING, "rendered": USER + "<think>\n"} if model.endswith("-thinking") else {}
    return Published(**{**vars(first), **opened, "model": model})


def pixels(model):
    """The limits of an image in the profile `paper`."""
    return load_profile("paper").models[model]["pixels"]


@cache
def image_processor(family):
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

    limits = {f"{name}_pixels": value for name, value in pixels(family.model).items()}
    return Qwen2VLImageProcessor(patch_size=family.patch, merge_size=2, **limits, image_mean=list(family.mean))


@cache
def processor(family, tokens):
    """The real processor; `tokens` makes its tokenizer."""
    from transformers import Qwen2_5_VLProcessor, Qwen3VLProcessor
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

    newer = family.patch == 16
    kind, video = (Qwen3VLProcessor, Qwen3VLVideoProcessor) if newer else (Qwen2_5_VLProcessor, Qwen2VLVideoProcessor)
    return kind(image_processor(family), tokens(family), video(), chat_template=family.template)


def small(_):
    """The mini world's tokenizer, where words do not matter."""
    from anatomy_r1.mini.tokenizer import build_tokenizer

    return build_tokenizer()


@cache
def vocabulary(thinks):
    """Qwen's own, with Qwen3's tags or without."""
    return qwen_vocabulary.tokenizer(thinks=thinks)


def real(family):
    """Qwen's own vocabulary."""
    return vocabulary(family.thinks)


def chat(text):
    """A turn of the user's about one image."""
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]


def read(made, text, size=FRAME):
    """What the model reads of a prompt about one image."""
    rendered = made.apply_chat_template(chat(text), add_generation_prompt=True, tokenize=False)
    return made(images=[Image.new("RGB", size)], text=[rendered], return_tensors="pt")
