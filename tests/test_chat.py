"""What a chat template opens, the template that is used, and tags that are special tokens."""

from types import SimpleNamespace

import pytest

from anatomy_r1.chat import (
    TAGS,
    Detokenizer,
    chat_template_of,
    check_template,
    generation_prompt,
    opened_by,
)
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.mini import tokenizer as mini

ASKED = "<|im_start|>user\nThink in <think> </think>, answer in <answer> </answer>.<|im_end|>\n"
TURN = f"{ASKED}<|im_start|>assistant\n"
TEXT = "<think> A liver </think> <answer> B </answer>"


@pytest.mark.parametrize(
    ("prompt", "opened"),
    [
        pytest.param(TURN, "", id="tags in the question only"),
        pytest.param(f"{TURN}<think>", "<think>", id="opened"),
        pytest.param(f"{TURN}<think>\n", "<think>", id="and a new line, as Qwen3-VL-Thinking"),
        pytest.param(f"{TURN}<think> \n\n", "<think>", id="and other white space"),
        pytest.param(f"{TURN}<think>\n\n</think>\n\n", "", id="thinking switched off"),
        pytest.param(f"{TURN}<think>\n\n</think>\n\n<answer>", "<answer>", id="thinking off, the answer opened"),
        pytest.param(f"{TURN}<Thinking>\n", "<Thinking>", id="another name"),
        pytest.param(f"{TURN}<seed:think>", "<seed:think>", id="Seed-OSS"),
        pytest.param(f"{TURN}[THINK]", "[THINK]", id="Magistral"),
        pytest.param(f"{TURN}\u25c1think\u25b7", "\u25c1think\u25b7", id="Kimi-VL"),
        pytest.param(f"{TURN}<|begin_of_thought|>\n", "<|begin_of_thought|>", id="Sky-T1"),
        pytest.param(f"{TURN}<|begin_of_thought|> <|end_of_thought|>", "", id="opened and closed"),
        pytest.param("Begin with <think> and go on.", "", id="a tag in a prompt without a closing one"),
    ],
)
def test_case_01_what_the_end_of_the_prompt_opened(prompt, opened):
    assert opened_by(prompt) == opened


def template(end):
    """A template that writes `end` after the model's turn begins."""

    def render(chat, add_generation_prompt=True):
        (turn,) = chat
        text = "".join("<image>" if part["type"] == "image" else part["text"] for part in turn["content"])
        return f"[user]{text}[/user]" + f"[model]{end}" * add_generation_prompt

    return render


def test_case_01_reasoning_that_the_template_began_belongs_to_the_response():
    added = generation_prompt(template("<think>\nLet me look. "))
    assert added == "[model]<think>\nLet me look. "
    assert opened_by(f"[user]What?[/user]{added}", added) == "<think>\nLet me look."
    assert opened_by(f"[user]Begin with <think>: what is in the picture?[/user]{added[:7]}", added[:7]) == ""


def word_level(monkeypatch, special, plain=()):
    """The mini tokenizer with these tags as special tokens, and those as ordinary ones."""
    monkeypatch.setattr(mini, "SPECIAL", (*mini.SPECIAL, *special))
    monkeypatch.setattr(mini, "TAGS", plain)
    return mini.build_tokenizer()


def byte_level(tokens, special):
    """A byte-level BPE tokenizer as Qwen's and Llama's, of bytes only, with added tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    inner = Tokenizer(models.BPE(vocab=letters, merges=[]))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    inner.add_special_tokens([AddedToken("<|im_end|>", special=True)])
    inner.add_tokens([AddedToken(token, special=special, normalized=False) for token in tokens])
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>")


def ids(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


BYTES = "<think>\nIt is yellow.</think><answer>B</answer>"


@pytest.mark.parametrize(
    ("special", "plain"),
    [
        pytest.param((), TAGS, id="ordinary tokens, as in the mini models"),
        pytest.param(TAGS, (), id="special tokens"),
        pytest.param(TAGS[:2], TAGS[2:], id="think is special, answer is not"),
        pytest.param(TAGS[2:], TAGS[:2], id="answer is special, think is not"),
    ],
)
def test_case_02_tags_survive_whatever_kind_of_token_they_are(monkeypatch, special, plain):
    words = word_level(monkeypatch, special, plain)
    assert Detokenizer(words, {words.eos_token_id}).text([*ids(words, TEXT), words.eos_token_id]) == TEXT
    for tokenizer in (byte_level(special, True), byte_level(plain, False)):
        detokenizer = Detokenizer(tokenizer, {tokenizer.eos_token_id})
        tokens = [*ids(tokenizer, BYTES), tokenizer.eos_token_id]
        assert detokenizer.text(tokens) == BYTES
        assert detokenizer.raw(tokens) == f"{BYTES}<|im_end|>"
        detokenizer.check_tags("model")


@pytest.mark.parametrize("end", ["</answer>", "</think>"])
@pytest.mark.parametrize("special", [True, False])
def test_case_02_an_end_token_that_is_a_tag_stays(end, special):
    tokenizer = byte_level(TAGS, special)
    text = BYTES[: BYTES.index(end) + len(end)]
    (number,) = ids(tokenizer, end)
    assert Detokenizer(tokenizer, {number, tokenizer.eos_token_id}).text(ids(tokenizer, text)) == text


def test_case_02_an_end_token_that_is_no_special_token_is_dropped():
    tokenizer = byte_level(("<END>",), False)
    (number,) = ids(tokenizer, "<END>")
    assert Detokenizer(tokenizer, {number}).text(ids(tokenizer, "<answer>B</answer><END>")) == "<answer>B</answer>"


def test_case_02_without_special_tags_the_text_is_that_of_the_tokenizer_itself():
    tokenizer = mini.build_tokenizer()
    detokenizer = Detokenizer(tokenizer, {tokenizer.eos_token_id})
    for tokens in (range(len(tokenizer)), ids(tokenizer, TEXT), [], [3, 0, 25, 2]):
        kept = [token for token in tokens if token != tokenizer.eos_token_id]
        assert detokenizer.text(tokens) == tokenizer.decode(kept, skip_special_tokens=True)


@pytest.mark.parametrize("lost", [TAGS, TAGS[2:], TAGS[:1]], ids=["all", "answer", "one"])
def test_case_02_a_tokenizer_that_cannot_spell_the_tags_is_refused(monkeypatch, lost):
    tokenizer = word_level(monkeypatch, (), tuple(tag for tag in TAGS if tag not in lost))
    with pytest.raises(AnatomyR1Error, match=rf"^dir: its tokenizer loses {', '.join(lost)}.*Fix: .*vocabulary"):
        Detokenizer(tokenizer, ()).check_tags("dir")


@pytest.mark.parametrize(
    ("own", "tokenizer_s", "used"),
    [
        pytest.param("own", "other", "own", id="the processor's"),
        pytest.param(None, "other", "other", id="the tokenizer's, as in tokenizer_config.json"),
        pytest.param("", "other", "other", id="an empty one counts as none"),
        pytest.param({"default": "a", "rag": "b"}, None, "a", id="the default of several"),
        pytest.param({"chat": "a"}, None, "a", id="a single one with a name"),
        pytest.param(None, {"rag": "b", "default": "a"}, "a", id="the tokenizer's default"),
        pytest.param({}, "other", "other", id="no names"),
    ],
)
def test_case_16_the_chat_template_that_is_used(own, tokenizer_s, used):
    tokenizer = SimpleNamespace(chat_template=tokenizer_s)
    assert chat_template_of(SimpleNamespace(chat_template=own, tokenizer=tokenizer), "dir") == used


def test_case_16_no_template_and_several_without_a_default_are_refused():
    with pytest.raises(AnatomyR1Error, match=r"^dir: neither processor nor tokenizer has a chat template\. Fix"):
        chat_template_of(SimpleNamespace(tokenizer=SimpleNamespace(chat_template=None)), "dir")
    with pytest.raises(AnatomyR1Error, match=r"none named default\. Fix: save one of rag, tool as"):
        chat_template_of(SimpleNamespace(chat_template={"tool": "a", "rag": "b"}), "dir")


TEXT_ONLY = {
    "a list added to a string": "{% for m in messages %}{{ '[' + m['content'] + ']' }}{% endfor %}",
    "a list printed": "{% for m in messages %}[{{ m['content'] }}]{% endfor %}",
    "a list as JSON": "{% for m in messages %}[{{ m['content'] | tojson }}]{% endfor %}",
    "the first part only": "{% for m in messages %}[{{ m['content'][0]['text'] }}]{% endfor %}",
    "texts only": "{% for m in messages %}{% for c in m['content'] if c['type'] == 'text' %}{{ c['text'] }}"
    "{% endfor %}{% endfor %}",
    "refused": "{{ raise_exception('text only') }}",
    "not a template": "{% for m in messages %}",
}


@pytest.mark.parametrize("source", TEXT_ONLY.values(), ids=TEXT_ONLY)
def test_case_16_a_text_only_template_is_refused(source):
    from functools import partial

    tokenizer = mini.build_tokenizer()
    render = partial(tokenizer.apply_chat_template, chat_template=source, tokenize=False)
    with pytest.raises(AnatomyR1Error, match=r"^dir: its chat template .*Fix: put the chat template of the image-text"):
        check_template(render, "dir")
    check_template(partial(tokenizer.apply_chat_template, tokenize=False), "dir")  # its own takes images
