"""What the bodies of servers say: how a response ended, and where its text, its reasoning and its tokens are."""

import json

import pytest

from anatomy_r1.evaluation.engines.server_reply import (
    FINISH_REASONS,
    Malformed,
    Unusable,
    opened_by_prompt,
    read_completion,
    read_finish_reason,
    read_reply,
)
from anatomy_r1.scoring.strict import extract
from tests.helpers.chat_server import completion

OPTIONS = ("Gallbladder", "Liver", "Gut", "Omentum")
CUT = {"finish_reason": "length"}


def reply(message, limit=24, usage="as it is", **choice):
    body = completion()
    body["choices"][0] |= {"message": {"role": "assistant", **message}, **choice}
    if usage != "as it is":
        body["usage"] = usage
    return read_reply(read_completion(json.dumps(body).encode()), limit)


@pytest.mark.parametrize(
    ("stated", "meant"),
    [
        ("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"),  # OpenAI, vLLM, SGLang
        ("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("RECITATION", "content_filter"),
        ("FINISH_REASON_STOP", "stop"), ("FinishReason.MAX_TOKENS", "length"),  # Gemini and its clients
        ("eos", "stop"), ("eos_token", "stop"), ("stop_sequence", "stop"),  # Together, TGI
        ("end_turn", "stop"), ("max_tokens", "length"), ("refusal", "content_filter"),  # Anthropic
        ("content_filtered", "content_filter"), ("guardrail_intervened", "content_filter"),  # Bedrock
        ("COMPLETE", "stop"), ("ERROR_TOXIC", "content_filter"), ("content-filter", "content_filter"),
        ("limit", "length"), ("sensitive", "content_filter"),  # llama.cpp, GLM
    ],
)  # fmt: skip
def test_case_15_finish_reasons_of_all_servers_are_read_by_one_table(stated, meant):
    assert read_finish_reason(stated, tokens=3, limit=24) == meant
    assert set(FINISH_REASONS.values()) == {"stop", "length", "content_filter"}


@pytest.mark.parametrize("stated", ["tool_calls", "function_call", "abort", "load", "OTHER", "who knows"])
def test_case_15_an_unknown_finish_reason_is_an_error_that_names_it(stated):
    with pytest.raises(Unusable, match=stated):
        read_finish_reason(stated, tokens=3, limit=24)


@pytest.mark.parametrize("stated", ["model_length", "model_context_window_exceeded"])
def test_case_15_a_response_cut_by_the_context_is_none(stated):
    with pytest.raises(Unusable, match="context") as caught:
        read_finish_reason(stated, tokens=3, limit=24)
    assert "--max-new-tokens" in caught.value.fix
    assert caught.value.alone, "the other responses may fit"


@pytest.mark.parametrize("stated", [None, "", "FINISH_REASON_UNSPECIFIED"])
def test_case_15_without_a_finish_reason_the_tokens_decide_and_without_both_nothing_does(stated):
    assert read_finish_reason(stated, tokens=23, limit=24) == "stop"
    assert read_finish_reason(stated, tokens=24, limit=24) == "length"
    with pytest.raises(Unusable, match="neither finish_reason nor usage"):
        read_finish_reason(stated, tokens=None, limit=24)


@pytest.mark.parametrize(
    ("content", "text", "reasoning"),
    [
        ([{"type": "text", "text": "<answer>"}, {"type": "text", "text": "B</answer>"}], "<answer>B</answer>", ""),
        ([{"type": "output_text", "text": "B"}], "B", ""),
        (["B"], "B", ""),
        ([{"text": "B"}], "B", ""),
        ([], "", ""),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "x"}]}, {"type": "text", "text": "B"}], "B", "x"),
        ([{"type": "reasoning", "text": "x"}, {"type": "text", "text": "B"}], "B", "x"),
        ([{"type": "refusal", "refusal": "I cannot say"}], "I cannot say", ""),
    ],
    ids=["two texts", "output_text", "bare", "no type", "none", "thinking (Mistral)", "reasoning", "refusal"],
)
def test_case_15_content_in_parts_is_joined(content, text, reasoning):
    found = reply({"content": content})
    assert (found.text, found.reasoning) == (text, reasoning)


def test_case_15_a_part_that_is_no_text_is_named():
    with pytest.raises(Unusable, match="'image_url'"):
        reply({"content": [{"type": "image_url", "image_url": {}}]})


REASONED = [
    {"reasoning_content": "x"},
    {"reasoning": "x"},
    {"reasoning_content": None, "reasoning": "x"},
    {"thinking": "x"},
    {"reasoning_details": [{"type": "reasoning.text", "text": "x"}]},
    {"reasoning": "", "reasoning_details": [{"type": "reasoning.summary", "summary": "x"}]},
    {"thinking_blocks": [{"type": "thinking", "thinking": "x", "signature": "s"}]},
    {"reasoning_content": "<think>x</think>"},
]


@pytest.mark.parametrize("fields", REASONED, ids=str)
@pytest.mark.parametrize("content", [None, ""], ids=["null", "empty"])
@pytest.mark.parametrize("reason", ["length", "stop"])
def test_case_04_and_26_reasoning_without_an_answer_is_a_response_with_its_reasoning(fields, content, reason):
    found = reply({"content": content, **fields}, finish_reason=reason)
    assert (found.text, found.reasoning, found.finish_reason) == ("", "x", reason)


@pytest.mark.parametrize("fields", REASONED, ids=str)
def test_case_04_reasoning_before_an_answer_is_kept(fields):
    found = reply({"content": "<answer>B</answer>", **fields})
    assert (found.text, found.reasoning, found.opened) == ("<answer>B</answer>", "x", "")


@pytest.mark.parametrize(
    ("message", "choice", "usage"),
    [
        ({"content": None}, CUT, "as it is"),
        ({}, CUT, "as it is"),
        ({"content": None}, {"finish_reason": "MAX_TOKENS"}, None),
        ({"content": None}, {"finish_reason": "content_filter"}, None),
        ({"content": ""}, {}, "as it is"),
        ({"content": None}, {}, {"completion_tokens": 1, "prompt_tokens": 9}),
        ({"content": None}, {}, {"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 9}}),
    ],
    ids=[
        "cut",
        "no content (Gemini)",
        "cut, uncounted",
        "filtered",
        "said nothing",
        "ended at once",
        "hidden thinking",
    ],
)
def test_case_04_a_response_may_be_empty(message, choice, usage):
    assert reply(message, usage=usage, **choice).text == ""


@pytest.mark.parametrize("more", [{}, {"tool_calls": [{"id": "1"}]}], ids=["withheld", "a tool call"])
def test_case_04_a_text_that_the_server_withheld_is_no_empty_response(more):
    with pytest.raises(Unusable, match="withheld"):
        reply({"content": None, **more})


def test_a_refusal_is_the_text():
    assert reply({"content": None, "refusal": "I cannot say"}).text == "I cannot say"
    assert reply({"content": "", "refusal": "I cannot say"}).text == "I cannot say"


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        ("x</think><answer>B</answer>", "<think>"),
        ("</think>B", "<think>"),
        ("the format is <think> </think>, so x</think>\n\n<answer>B</answer>", "<think>"),
        ("I put it in <answer> tags</think><answer>B</answer>", "<think>"),
        ("<think>x</think><answer>B</answer>", ""),
        ("\n<think>x</think> y</think><answer>B</answer>", ""),
        ("First <think>x</think><answer>B</answer>", ""),
        ("x, and so on", ""),
        ("<answer>B</answer>", ""),
        ("", ""),
    ],
    ids=[
        "begun",
        "at once",
        "tags mentioned",
        "answer mentioned",
        "own",
        "own, twice",
        "late",
        "cut off",
        "direct",
        "0",
    ],
)
def test_case_01_a_response_that_begins_inside_its_reasoning(text, opened):
    assert opened_by_prompt(text) == opened
    found = reply({"content": text})
    assert (found.text, found.opened) == (text, opened)


def test_case_01_such_a_response_is_read():
    found = reply({"content": "x</think><answer>B</answer>"})
    assert extract(found.opened + found.text, OPTIONS).choice == "B"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<answer>B</answer><|im_end|>", "<answer>B</answer>"),
        ("B</s>\n<|endoftext|>\n", "B"),
        ("B<\uff5cend\u2581of\u2581sentence\uff5c>", "B"),
        ("</s> B", "</s> B"),
        ("B\n", "B\n"),
    ],
    ids=["one", "two", "DeepSeek's", "not at the end", "none"],
)
def test_case_02_end_tokens_that_a_server_leaves_are_kept_in_raw_only(content, text):
    found = reply({"content": content})
    assert (found.text, found.raw) == (text, "" if text == content else content)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (None, (0, 0)), ({}, (0, 0)), ({"total_tokens": 9}, (0, 0)),
        ({"prompt_tokens": None, "completion_tokens": None}, (0, 0)),
        ({"prompt_tokens": 9, "completion_tokens": None}, (9, 0)),
        ({"prompt_tokens": 9, "completion_tokens": 2, "completion_tokens_details": None}, (9, 2)),
    ],
    ids=["null", "empty", "total only", "nulls", "half", "whole"],
)  # fmt: skip
def test_case_29_tokens_that_are_not_counted_are_unknown(usage, tokens):
    found = reply({"content": "B"}, usage=usage)
    assert (found.prompt_tokens, found.tokens) == tokens


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        ({"error": {"code": 429, "message": "slow"}}, Malformed, "429 slow"),
        ({"error": {"code": "503", "message": "away"}, "choices": []}, Malformed, "503 away"),
        ({"error": "overloaded"}, Malformed, "overloaded"),
        ({"error": {"code": 400, "message": "bad image"}}, Unusable, "400 bad image"),
        ({"error": {"type": "invalid_request_error", "message": "bad"}}, Unusable, "bad"),
        ({"choices": [{"message": {}, "finish_reason": "error", "error": {"code": 502}}]}, Malformed, "502"),
        ({"choices": [{"message": {"content": "half"}, "finish_reason": "error"}]}, Malformed, "finish_reason error"),
        ({"choices": []}, Malformed, "at least 1 item"),
        ({"choices": None}, Malformed, "valid list"),
    ],
    ids=["rate", "with choices", "a string", "lasting", "by its type", "in the choice", "by its end", "empty", "null"],
)  # fmt: skip
def test_errors_in_the_body_of_a_success_are_told_and_retried_if_they_may_pass(body, error, said):
    with pytest.raises(error, match=said):
        read_completion(json.dumps(body).encode())


def test_a_stream_is_named():
    with pytest.raises(Unusable, match="stream") as caught:
        read_completion(b'data: {"choices": []}\n\n')
    assert "streams are not read" in caught.value.fix


@pytest.mark.parametrize(
    "body",
    [
        {"choices": None, "promptFeedback": {"blockReason": "SAFETY"}},
        {"choices": [], "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usage": {"prompt_tokens": 9}},
        {"prompt_feedback": {"block_reason": "OTHER"}},
        {"choices": [{"message": None, "finish_reason": "content_filter"}]},
        {"choices": [{"finish_reason": "FINISH_REASON_SAFETY"}], "usage": None},
    ],
    ids=["null (Gemini)", "empty (Gemini)", "none (Gemini)", "message null", "no message"],
)
def test_case_15_a_blocked_question_without_a_message_is_a_filtered_response(body):
    found = read_reply(read_completion(json.dumps(body).encode()), 24)
    assert (found.text, found.finish_reason) == ("", "content_filter")


@pytest.mark.parametrize(
    "body",
    [
        {"choices": None},
        {"choices": []},
        {"choices": [], "promptFeedback": {}},
        {"choices": [], "promptFeedback": {"blockReason": "BLOCK_REASON_UNSPECIFIED"}},
        {"choices": [{"message": None, "finish_reason": "stop"}]},
    ],
    ids=["choices null", "choices empty", "not blocked", "no reason", "message null"],
)
def test_case_15_a_body_without_a_message_says_where_to_look(body):
    with pytest.raises(Malformed, match=r"no chat completion \(choices.*: the log of the server may say why"):
        read_completion(json.dumps(body).encode())


@pytest.mark.parametrize("stated", ["tool_calls", "tool_use", "function_call"])
def test_case_15_a_tool_call_names_its_cure(stated):
    with pytest.raises(Unusable, match="which is none") as caught:
        read_finish_reason(stated, tokens=3, limit=24)
    assert "without its tool parser" in caught.value.fix
    assert caught.value.alone


@pytest.mark.parametrize(
    ("content", "reasoning", "text", "kept", "opened"),
    [
        ("<think>x is left</think> B", "x is left", "<think>x is left</think> B", "", ""),
        ("<think>\nx\n</think><answer>B</answer>", "x", "<think>\nx\n</think><answer>B</answer>", "", ""),
        ("x</think> B", "x", "x</think> B", "", "<think>"),
        ("<think>x is", "x is", "<think>x is", "", ""),
        ("B", "B", "B", "B", ""),
        ("<think>xy</think> B", "x", "<think>xy</think> B", "x", ""),
    ],
    ids=["both", "with blanks", "opened by the prompt", "cut off", "no tag", "other reasoning"],
)
def test_reasoning_that_is_in_the_text_as_well_is_read_once(content, reasoning, text, kept, opened):
    """llama.cpp's `deepseek-legacy`; twice, a bare letter after it would not be read."""
    found = reply({"content": content, "reasoning_content": reasoning})
    assert (found.text, found.reasoning, found.opened) == (text, kept, opened)
    if content.endswith("</think> B") and not kept:
        assert extract(found.opened + found.text, OPTIONS).choice == "B"
