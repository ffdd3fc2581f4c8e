"""Thinking models on the local engines: what the chat template opened, and tags that are special tokens."""

import json
import shutil
from types import SimpleNamespace

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines import vllm_engine
from anatomy_r1.evaluation.engines.engine import open_engine
from anatomy_r1.evaluation.evaluate import evaluate
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.scoring.strict import extract

REST = "A liver .</think> <answer> B </answer>"
"""What a thinking model writes after a prompt that ends in `<think>`."""
READ = "A liver . </think> <answer> B </answer>"
"""The same by the mini tokenizer, which separates words by blanks."""
WHOLE = f"<think> {READ}"


@pytest.fixture(params=["transformers", "vllm"])
def engine_name(request, monkeypatch):
    """Each local engine; vLLM's own part is replaced."""
    monkeypatch.setattr(vllm_engine, "Vllm", FakeVllm)
    return request.param


class FakeVllm:
    """In the place of `vllm_engine.Vllm`: every request gets the same tokens."""

    dtype, max_length, most_at_once = "float32", 1024, 8
    said = ()

    def __init__(self, folder, dtype, options):
        self.queued = []

    def preprocess(self, prompt, pictures):
        return {"prompt_token_ids": [1] * 40}

    def add_request(self, name, prompt, sampling, seed, end_tokens):
        self.queued.append(name)

    def step(self):
        done, self.queued = self.queued, []
        return [vllm_engine.Finished(name, list(self.said), "stop", 40, 0) for name in done]

    def abort(self, names):
        pass


def with_template(model_folder, folder, end):
    """A copy of the model whose generation prompt ends in `end`."""
    shutil.copytree(model_folder, folder)
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text().replace("assistant\n", "assistant\n" + end))
    return folder


def say(monkeypatch, text, *, end=True):
    """Let both engines generate these tokens as every response, the end token included."""
    from anatomy_r1.evaluation.engines import transformers_engine
    from anatomy_r1.evaluation.engines.decoding import Generated
    from anatomy_r1.mini.tokenizer import build_tokenizer

    tokenizer = build_tokenizer()
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id] * end
    monkeypatch.setattr(FakeVllm, "said", tokens)
    made = Generated(tokens, "stop")
    monkeypatch.setattr(transformers_engine, "decode", lambda model, inputs, requests, *_: [made] * len(requests))
    return tokens


def run(engine, model, data, log, **more):
    options = {"max_new_tokens": 24, "limit": 2, "progress": False, "engine": engine, **more}
    return evaluate("sgg_anatomy_mini", data, model, log, **options)


def logged(log):
    """Responses, and the plan of the only run."""
    with ResponseLog(log, read_only=True) as opened:
        (plan,) = opened.runs().values()
        return list(opened.rows()), plan


@pytest.mark.parametrize("end", ["<think>", "<think>\n"])
def test_case_01_a_response_begins_inside_its_reasoning(monkeypatch, model_folder, data, tmp_path, engine_name, end):
    say(monkeypatch, REST)
    model = with_template(model_folder, tmp_path / "model", end)
    found = run(engine_name, model, data, tmp_path / "log")
    rows, plan = logged(tmp_path / "log")
    assert found.metrics["parse_rate"] == 1
    assert {row.opened for row in rows} == {"<think>"}
    assert {row.full_text for row in rows} == {f"<think>{READ}"}
    assert {extract(row.full_text, ["Gut", "Liver"]).choice for row in rows} == {"B"}
    assert plan["opened"] == "<think>"
    again = run(engine_name, model, data, tmp_path / "log")
    assert (again.generated, again.metrics) == (0, found.metrics)


@pytest.mark.parametrize("end", ["", "<think>\n\n</think>\n\n"], ids=["plain", "thinking switched off"])
def test_case_01_nothing_is_opened_and_the_plan_says_nothing(
    monkeypatch, model_folder, data, tmp_path, engine_name, end
):
    say(monkeypatch, "<answer> B </answer>")
    found = run(engine_name, with_template(model_folder, tmp_path / "model", end), data, tmp_path / "log")
    rows, plan = logged(tmp_path / "log")
    assert found.metrics["parse_rate"] == 1
    assert {row.opened for row in rows} == {""}
    assert "opened" not in plan


def test_case_01_on_the_route_of_lm_eval_too(monkeypatch, model_folder, data, tmp_path, engine_name):
    say(monkeypatch, REST)
    model = with_template(model_folder, tmp_path / "model", "<think>\n")
    with ResponseLog(tmp_path / "log") as log:
        engine = open_engine(engine_name, model, benchmark="sgg_anatomy", log=log, progress=False)
        prompt = engine.apply_chat_template([{"role": "user", "content": "What is this ?"}])
        arguments = {"do_sample": False, "max_gen_toks": 24}
        request = SimpleNamespace(args=(prompt, arguments), doc={"id": "a"}, task_name="t", doc_id=0)
        assert engine.generate_until([request]) == [f"<think>{READ}"]


@pytest.mark.parametrize("end", [True, False], ids=["ended", "cut off"])
def test_case_02_the_log_keeps_raw_text_and_tokens(monkeypatch, model_folder, data, tmp_path, engine_name, end):
    tokens = say(monkeypatch, WHOLE, end=end)
    run(engine_name, model_folder, data, tmp_path / "log")
    rows, _ = logged(tmp_path / "log")
    assert {row.text for row in rows} == {WHOLE}
    assert {row.raw for row in rows} == {f"{WHOLE} <|im_end|>" if end else ""}
    assert {row.token_ids for row in rows} == {" ".join(map(str, tokens))}


def special(folder, tags, end=None):
    """Make these tags special tokens of a copied model, and `end` its end token."""
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    for token in content["added_tokens"]:
        token["special"] = token["special"] or token["content"] in tags
    path.write_text(json.dumps(content))
    if end:
        (number,) = [token["id"] for token in content["added_tokens"] if token["content"] == end]
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": number}))
        return number
    return None


TAGS = ("<think>", "</think>", "<answer>", "</answer>")


@pytest.mark.parametrize("tags", [TAGS, TAGS[:2], TAGS[2:]], ids=["all", "think", "answer"])
def test_case_02_tags_that_are_special_tokens(monkeypatch, model_folder, data, tmp_path, engine_name, tags):
    model = shutil.copytree(model_folder, tmp_path / "model")
    special(model, tags)
    say(monkeypatch, WHOLE)
    found = run(engine_name, model, data, tmp_path / "log")
    assert {row.text for row in logged(tmp_path / "log")[0]} == {WHOLE}
    assert found.metrics["parse_rate"] == 1


@pytest.mark.parametrize("tags", [TAGS, ()], ids=["special", "ordinary"])
def test_case_02_the_end_token_is_a_tag(monkeypatch, model_folder, data, tmp_path, engine_name, tags):
    model = shutil.copytree(model_folder, tmp_path / "model")
    number = special(model, tags, end="</answer>")
    tokens = say(monkeypatch, WHOLE, end=False)
    found = run(engine_name, model, data, tmp_path / "log")
    assert tokens[-1] == number
    assert {row.text for row in logged(tmp_path / "log")[0]} == {WHOLE}
    assert found.metrics["parse_rate"] == 1


def test_case_02_a_tokenizer_without_the_tags_stops_before_the_first_response(
    model_folder, data, tmp_path, engine_name
):
    model = shutil.copytree(model_folder, tmp_path / "model")
    path = model / "tokenizer.json"
    content = json.loads(path.read_text())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] not in TAGS]
    path.write_text(json.dumps(content))
    with pytest.raises(AnatomyR1Error, match="its tokenizer loses <think>, </think>, <answer>, </answer>"):
        run(engine_name, model, data, tmp_path / "log")
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        assert not list(log.rows())


def test_case_16_a_template_that_leaves_out_the_image_stops_before_the_first_response(
    model_folder, data, tmp_path, engine_name
):
    model = shutil.copytree(model_folder, tmp_path / "model")
    path = model / "chat_template.jinja"
    path.write_text(path.read_text().replace("<|vision_start|><|image_pad|><|vision_end|>", ""))
    with pytest.raises(AnatomyR1Error, match="its chat template leaves out the image"):
        run(engine_name, model, data, tmp_path / "log")


def test_case_16_a_template_with_another_model_s_mark_for_the_image_stops_too(model_folder, data, tmp_path):
    model = shutil.copytree(model_folder, tmp_path / "model")
    path = model / "chat_template.jinja"
    path.write_text(path.read_text().replace("<|image_pad|>", "<image>"))
    with pytest.raises(AnatomyR1Error, match=r"question VID.*: the prompt has no place for its image\. Fix"):
        run("transformers", model, data, tmp_path / "log")


@pytest.mark.parametrize("size", [(28 * 201, 28), (28, 28 * 201)], ids=["wide", "high"])
def test_case_20_a_picture_that_the_processor_refuses_is_named(model_folder, tmp_path, engine_name, monkeypatch, size):
    """Neither the longest prompt's, which is checked first, nor alone in its batch."""
    from PIL import Image

    from tests.helpers.small_set import write_set

    def refuse(self, prompt, pictures):
        if pictures and pictures[0].size == size:
            raise ValueError("absolute aspect ratio must be smaller than 200")
        return {"prompt_token_ids": [1] * 40}

    monkeypatch.setattr(FakeVllm, "preprocess", refuse)
    write_set(tmp_path / "data")
    say(monkeypatch, WHOLE)
    Image.new("RGB", size).save(tmp_path / "data" / "images" / "VID03" / "3.png")
    with pytest.raises(AnatomyR1Error, match=r"question VID03/3/3, picture VID03/3.png: .*aspect ratio.*Fix: crop"):
        run(engine_name, model_folder, tmp_path / "data", tmp_path / "log", limit=6)


def test_case_20_and_so_is_that_of_the_question_that_is_checked_first(model_folder, tmp_path):
    from PIL import Image

    from tests.helpers.small_set import write_set

    write_set(tmp_path / "data")
    for path in (tmp_path / "data" / "images").glob("*/*.png"):
        Image.new("RGB", (28 * 201, 28)).save(path)
    with pytest.raises(AnatomyR1Error, match=r"question VID.*, picture .*png: .*aspect ratio.*Fix: crop"):
        run("transformers", model_folder, tmp_path / "data", tmp_path / "log")
