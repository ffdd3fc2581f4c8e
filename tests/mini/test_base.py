"""The tiny base: its words, its processor, and that its recipe runs."""

from __future__ import annotations

import json
import shutil

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from PIL import Image

from anatomy_r1.mini.architecture import IMAGE_TOKENS, build_model, build_processor
from anatomy_r1.mini.base import build_base, recipe_hash
from anatomy_r1.mini.classes import ANATOMIES, label
from anatomy_r1.mini.lessons import answer
from anatomy_r1.mini.packing import Encoder
from anatomy_r1.mini.recipe import RECIPES, toy
from anatomy_r1.mini.tokenizer import instructions
from anatomy_r1.prompts import render_text


def unknown(tokenizer, text):
    pieces = zip(tokenizer.tokenize(text), tokenizer(text)["input_ids"], strict=True)
    return [piece for piece, token in pieces if token == tokenizer.unk_token_id]


def test_every_instruction_is_one_token(tokenizer):
    for text in instructions():
        assert len(tokenizer(text)["input_ids"]) == 1, text[:60]


@pytest.mark.parametrize("name", ANATOMIES)
def test_an_anatomy_is_one_token(tokenizer, name):
    assert len(tokenizer(name)["input_ids"]) == 1
    assert not unknown(tokenizer, label(name))


def test_scene_questions_need_no_unknown_word(tokenizer, tiny_world):
    for file in (tiny_world / "SSG-VQA" / "qa_txt").rglob("*.txt"):
        for line in file.read_text().splitlines()[2:]:
            fields = line.split("|")
            if fields[1] in {label(name) for name in ANATOMIES}:
                prompt = render_text(fields[0], ANATOMIES[:4], "think", "choice")
                assert not unknown(tokenizer, prompt), line


def test_rationales_need_no_unknown_word(tokenizer, tiny_world):
    for file in (tiny_world / "SSG-VQA" / "scene_graph").glob("*.json"):
        for thing in json.loads(file.read_text())["scenes"][0]["objects"]:
            if thing["type"] == "anatomy":
                reason = f"{thing['location']} : {thing['color']} {thing['texture']} , so {ANATOMIES[0]}"
                assert not unknown(tokenizer, answer("think", reason, "A"))


def test_microscopy_needs_no_unknown_word(tokenizer, tiny_world):
    for file in (tiny_world / "OmniMedVQA" / "QA_information" / "Open-access").glob("*.json"):
        for record in json.loads(file.read_text()):
            options = [record[f"option_{x}"] for x in "ABCD" if f"option_{x}" in record]
            prompt = render_text(record["question"], options, "direct", "microscopy")
            reason = f"{record['modality_type']} : {record['question_type']} , so {record['gt_answer']}"
            assert not unknown(tokenizer, prompt + answer("think", reason, "B")), record["question"]


def test_a_foreign_word_is_unknown(tokenizer):
    assert unknown(tokenizer, "spleen")


def test_the_processor_gives_nine_image_tokens():
    processor = build_processor()
    content = [{"type": "image", "image": Image.new("RGB", (84, 84))}, {"type": "text", "text": "What is it ?"}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=True, return_dict=True,
        return_tensors="pt",
    )  # fmt: skip
    image = processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    assert (inputs["input_ids"] == image).sum() == IMAGE_TOKENS == 9


def test_rotary_positions_are_the_model_s_own():
    import torch

    processor = build_processor()
    encoder, model = Encoder(processor.tokenizer), build_model("mini-l", processor)
    ids = torch.tensor([encoder.head + encoder.ids("What is it ?")])
    kinds = (ids == encoder.image).int()
    theirs, _ = model.model.get_rope_index(ids, kinds, torch.tensor([[1, 6, 6]]), attention_mask=torch.ones_like(ids))
    assert (theirs == encoder.positions(ids.shape[1])).all()


@pytest.mark.slow
@pytest.mark.parametrize(("size", "recipe"), [("mini-l", "first"), ("mini-s", "worded")])
def test_the_recipe_runs_and_repeats(tmp_path, size, recipe):
    from transformers import AutoModelForImageTextToText, AutoProcessor

    build_base(tmp_path / "one", size, recipe=toy(recipe), progress=False)
    build_base(tmp_path / "two", size, recipe=toy(recipe), progress=False)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert weights[0] == weights[1]
    assert not list(tmp_path.glob("*.building"))
    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "one")
    assert type(model).__name__ == "Qwen2_5_VLForConditionalGeneration"
    assert AutoProcessor.from_pretrained(tmp_path / "one").tokenizer.padding_side == "left"
    assert "top_k" not in json.loads((tmp_path / "one" / "generation_config.json").read_text())


def test_a_full_folder_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="not empty"):
        build_base(tmp_path, "mini-l", recipe=toy(), progress=False)


def test_sizes_have_hashes_of_their_own():
    assert recipe_hash("mini-l") == recipe_hash("mini-l") != recipe_hash("mini-s")
    assert recipe_hash("mini-l", RECIPES["worded"]) != recipe_hash("mini-l")


def test_the_sample_page_escapes_text_and_shows_every_picture(tmp_path, tiny_world):
    from anatomy_r1.mini.samples import write_sample_page

    world = tmp_path / "world"
    shutil.copytree(tiny_world, world)
    for file in (world / "OmniMedVQA" / "QA_information" / "Open-access").glob("*.json"):
        records = [{**record, "question": "<script>alert(1)</script>"} for record in json.loads(file.read_text())]
        file.write_text(json.dumps(records))
    page, sheet = write_sample_page(world, tmp_path / "out", per_benchmark=3)
    text = page.read_text()
    assert "<script>" not in text and "&lt;script&gt;" in text
    assert text.count("data:image/png;base64,") == 6
    assert Image.open(sheet).size[0] > 600
