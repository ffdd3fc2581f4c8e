"""The published chat templates, image processors and pixel limits on frames of 854 x 480, and Qwen's own vocabulary.

Expected values are written out by hand: the rendered prompts, the grids, the positions. The templates are those of the
hub, which TRL has (Apache-2.0). The vocabulary is in no package of this project: `tox -e prompts` fetches one.
"""

import json
import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from anatomy_r1.chat import check_template, generation_prompt, opened_by
from anatomy_r1.provenance import ROOT
from baselines.experiment.profile import load_profile
from baselines.preflight.effort import _machine, frame_patches
from baselines.preflight.memory import LONGEST, PROMPT, empty_model
from tests.bench.real_prompts import RELEASED, as_markdown, measured
from tests.helpers import qwen_vocabulary
from tests.helpers.published import ASKED, FAMILIES, FRAME, USER, chat, image_processor, processor, read, real, small
from tests.helpers.qwen3_vl import THINKING

VOCABULARY = pytest.mark.skipif(qwen_vocabulary.ranks_file() is None, reason="no vocabulary: run `tox -e prompts`")
EACH = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.model)


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
def test_no_prompt_of_any_model_is_longer_than_the_plan_s():
    """All prompts of the authors about a frame, and Med-R1's of OmniMedVQA about the largest image that is let through.

    `tox -e prompts` writes the same counts to results/shapes.
    """
    stated = os.environ.get("ANATOMY_R1_TEST_DATA")
    if not stated or not (Path(stated) / "omnimed_splits").is_dir():
        pytest.skip("ANATOMY_R1_TEST_DATA does not point at a folder with released/ and omnimed_splits/")
    found = measured(Path(stated))
    assert found.keys() == load_profile("paper").models.keys()
    released = [found["qwen2.5-vl-3b"][name] for name in RELEASED]
    assert [one["prompts"] for one in released] == [1000] * 3
    assert [one["longest"] for one in released] == [699, 719, 723]
    assert sum(one["mean"] for one in released) / 3 <= PROMPT < LONGEST
    longest = max(one["longest"] for each in found.values() for one in each.values())
    assert LONGEST - 16 < longest <= LONGEST, "rounded up, and by little"
    for model, each in found.items():
        assert found[model.replace("7b", "3b").replace("8b", "4b")] == each, "a family's sizes read the same"
        assert {one["image"] for one in each.values()} == ({441, 405} if "qwen3" in model else {576, 510})
    committed = json.loads((ROOT / "results" / "shapes" / "prompts.json").read_text())
    assert committed["models"] == found


def test_the_committed_report_says_what_was_counted():
    """Without a vocabulary: the numbers of prompts.json, in the words of prompts.md."""
    folder = ROOT / "results" / "shapes"
    made = json.loads((folder / "prompts.json").read_text())
    assert (made["limits"]["plan"], made["limits"]["longest"]) == (PROMPT, LONGEST)
    facts = {key: made[key] for key in ("command", "commit", "date", "device", "packages", "vocabulary")}
    assert as_markdown(facts, made["limits"], made["models"]) == (folder / "prompts.md").read_text()
    assert "it fits the 816" in (folder / "prompts.md").read_text()
    short = {**made["limits"], "longest": 700}
    assert "does NOT fit" in as_markdown(facts, short, made["models"])
