"""The published chat templates, image processors and pixel limits on frames of 854 x 480, and Qwen's own vocabulary.

Expected values are written out by hand: the rendered prompts, the grids, the positions. The templates are those of the
hub, which TRL has (Apache-2.0). The vocabulary is in no package of this project: `tox -e prompts` fetches one.
"""

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import torch
from PIL import Image
from trl.chat_template_utils import qwen2_5_vl_chat_template, qwen3_vl_chat_template

from anatomy_r1.chat import check_template, generation_prompt, opened_by
from baselines.experiment.profile import load_profile
from baselines.preflight.effort import _machine, frame_patches
from baselines.preflight.memory import PROMPT, empty_model
from tests.helpers import qwen_vocabulary
from tests.helpers.qwen3_vl import THINKING

FRAME = (854, 480)
ASKED = "What is it?"
IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
USER = f"<|im_start|>user\n{IMAGE}{ASKED}<|im_end|>\n<|im_start|>assistant\n"
SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
VOCABULARY = pytest.mark.skipif(qwen_vocabulary.ranks_file() is None, reason="no vocabulary: run `tox -e prompts`")


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
EACH = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.model)


@cache
def image_processor(family):
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

    pixels = load_profile("paper").models[family.model]["pixels"]
    limits = {"min_pixels": pixels["min"], "max_pixels": pixels["max"]}
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
    from anatomy_r1.mini.tokenizer import build_tokenizer

    return build_tokenizer()


@cache
def real(family):
    return qwen_vocabulary.tokenizer(thinks=family.thinks)


def chat(text):
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]


def read(made, text, size=FRAME):
    """What the model reads of a prompt about one image."""
    rendered = made.apply_chat_template(chat(text), add_generation_prompt=True, tokenize=False)
    return made(images=[Image.new("RGB", size)], text=[rendered], return_tensors="pt")


@EACH
def test_the_published_template_renders_a_prompt_as_written_by_hand(family):
    made = processor(family, small)
    render = lambda asked, **named: made.apply_chat_template(asked, tokenize=False, **named)  # noqa: E731
    assert render(chat(ASKED), add_generation_prompt=True) == family.rendered
    check_template(render, family.model)
    assert opened_by(generation_prompt(render)) == ""
    trained = [*chat(ASKED), {"role": "assistant", "content": "<answer> B </answer>"}]
    assert render(trained) == family.rendered + "<answer> B </answer><|im_end|>\n"


def test_a_template_that_thinks_opens_the_reasoning_and_is_read_with_it():
    made = processor(FAMILIES[1], small)
    render = lambda asked, **named: made.apply_chat_template(  # noqa: E731
        asked, tokenize=False, chat_template=THINKING, **named
    )
    prompt = render(chat(ASKED), add_generation_prompt=True)
    assert prompt == USER + "<think>\n"
    assert opened_by(prompt) == opened_by(generation_prompt(render)) == "<think>"
    check_template(render, "thinking")
    for said, written in (("<think> blue B </think> <answer> B </answer>", " blue B "), ("<answer> B </answer>", "")):
        whole = render([*chat(ASKED), {"role": "assistant", "content": said}])
        assert whole.startswith(prompt), "what SFT learns begins where a rollout begins"
        assert written in whole.removeprefix(prompt).split("</think>")[0]


@EACH
def test_a_frame_keeps_its_size_and_has_the_tokens_that_the_plan_counts(family):
    rows, columns = family.grid
    out = image_processor(family)([Image.new("RGB", FRAME)], return_tensors="pt")
    assert out["image_grid_thw"].tolist() == [[1, 2 * rows, 2 * columns]]
    assert out["pixel_values"].shape == (4 * rows * columns, 3 * 2 * family.patch**2)
    side = 2 * family.patch
    assert abs(rows * side - FRAME[1]) < side and abs(columns * side - FRAME[0]) < side
    assert frame_patches(_machine(load_profile("paper"), family.model)[0]) == 4 * rows * columns


@EACH
def test_pixel_limits_bound_the_tokens_of_every_image(family):
    """OmniMedVQA has images of many sizes."""
    limits = load_profile("paper").models[family.model]["pixels"]
    side, smallest = (2 * family.patch) ** 2, -(-limits["min"] // (2 * family.patch) ** 2)
    for size in ((28, 28), (224, 224), (512, 512), (1920, 1080), (4000, 300)):
        grid = image_processor(family)([Image.new("RGB", size)], return_tensors="pt")["image_grid_thw"]
        assert smallest <= int(grid.prod()) // 4 <= limits["max"] // side, size


@EACH
def test_positions_are_those_counted_by_hand(family):
    """Text counts on; an image's tokens have its start in time, and start plus row and column; text goes on after the
    longer side.
    """
    made, (rows, columns) = processor(family, small), family.grid
    given = read(made, ASKED)
    ids, pad = given["input_ids"][0], made.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    first = ids.tolist().index(pad)
    after = len(ids) - first - rows * columns
    text = torch.arange(first).expand(3, -1)
    height, width = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    image = first + torch.stack([torch.zeros(rows * columns).long(), height.flatten(), width.flatten()])
    expected = torch.cat([text, image, (first + max(rows, columns) + torch.arange(after)).expand(3, -1)], 1)
    inner = empty_model(load_profile("paper").models[family.model]).model
    named = {key: given[key] for key in ("mm_token_type_ids", "image_grid_thw", "attention_mask")}
    found, deltas = inner.get_rope_index(given["input_ids"], **named)
    assert torch.equal(found[:, 0], expected)
    assert deltas.tolist() == [[max(rows, columns) - rows * columns]]


# With Qwen's own vocabulary


@VOCABULARY
@pytest.mark.slow
@EACH
def test_the_vocabulary_is_the_model_s(family):
    tokens = real(family)
    config = empty_model(load_profile("paper").models[family.model]).config
    named = {"<|image_pad|>": config.image_token_id, "<|vision_start|>": config.vision_start_token_id}
    named |= {"<|video_pad|>": config.video_token_id, "<|vision_end|>": config.vision_end_token_id}
    named |= {"<|endoftext|>": 151_643, "<|im_end|>": config.get_text_config().eos_token_id}
    named |= qwen_vocabulary.THINK if family.thinks else {}
    for token, number in named.items():
        assert tokens.convert_tokens_to_ids(token) == number
        assert tokens(token)["input_ids"] == [number]
    text = "Cystic Plate\n\n1.Select <answer>B</answer>, 30\u00b5m \u80c6\u56ca"
    assert tokens.decode(tokens(text)["input_ids"]) == text


@VOCABULARY
@pytest.mark.slow
@EACH
def test_the_longest_released_prompt_is_no_longer_than_the_plan_s(family):
    """All 3,000 prompts of the authors about a frame; writes the counts where $ANATOMY_R1_PROMPTS names a file."""
    stated = os.environ.get("ANATOMY_R1_TEST_DATA")
    if not stated or not (Path(stated) / "released").is_dir():
        pytest.skip("ANATOMY_R1_TEST_DATA does not point at a folder with released/")
    made, image = processor(family, real), family.grid[0] * family.grid[1]
    around = len(read(made, ASKED)["input_ids"][0]) - len(real(family)(ASKED)["input_ids"])
    counts = {}
    for path in sorted((Path(stated) / "released").glob("*.json")):
        texts = [entry["instruction"].removeprefix("<image>") for entry in json.loads(path.read_text())]
        lengths = [around + len(ids) for ids in real(family)(texts)["input_ids"]]
        longest = max(range(len(texts)), key=lengths.__getitem__)
        assert len(read(made, texts[longest])["input_ids"][0]) == lengths[longest], "as the processor counts it"
        counts[path.stem] = {"prompts": len(texts), "mean": round(sum(lengths) / len(lengths), 1)}
        counts[path.stem] |= {"longest": max(lengths), "image": image}
    assert max(one["longest"] for one in counts.values()) <= PROMPT
    assert min(one["mean"] for one in counts.values()) > image + 80
    if out := os.environ.get("ANATOMY_R1_PROMPTS"):
        before = json.loads(Path(out).read_text()) if Path(out).is_file() else {}
        Path(out).write_text(json.dumps({**before, family.model: counts}, indent=1, sort_keys=True) + "\n")
