"""The lenient extractor on real forms of answers, kind by kind, each with its counter-examples (None: no answer).

`careful_reader.jsonl` has outputs of real models and what a careful reader takes them for.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anatomy_r1.response_log.response import Response, ResponseKey
from anatomy_r1.scoring.extraction import extract_response
from anatomy_r1.scoring.lenient import extract_lenient

OPTIONS = ("Gallbladder", "Liver", "Cystic Plate", "Omentum")
READ = [
    json.loads(line)
    for line in Path(__file__).with_name("careful_reader.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("case", READ, ids=[case["output"] for case in READ])
def test_case_24_what_a_careful_reader_reads(case):
    assert extract_lenient(case["output"], case["options"]).choice == case["careful_reader"]


KINDS = {
    "announced in another language": {
        "B": (
            *("Die Antwort ist B.", "Antwort: B", "Die richtige Antwort lautet **B. Liver**.", "La réponse est B."),
            *("La bonne réponse est B", "Réponse finale : B", "La réponse correcte est la B", "Respuesta: B"),
            *("La respuesta correcta es B.", "La opción correcta es la B", "A resposta correta é B.", "Resposta: B"),
            *("A alternativa correta é B", "La risposta corretta è B.", "Risposta: B", "Het antwoord is B", "Svar: B"),
            *("Odpowiedź: B", "Cevap: B", "Đáp án đúng là B", "Jawaban: B", "Ответ: B", "Правильный ответ — B"),
            *(
                "答案:B",
                "答案是B。",
                "正确答案:B",
                "故选B。",
                "我选择B",
                "正确的选项是 B",
                "答えはBです。",
                "正解: B",
            ),
            *("정답은 B입니다.", "답: B", "الإجابة الصحيحة هي B", "उत्तर: B"),
        ),
        None: (
            *("Die Antwort ist nicht B", "Die falsche Antwort ist B", "Die Antwort ist B oder C", "Antwort: B?"),
            *("La respuesta no es B", "La respuesta es B o C", "La réponse n'est pas B", "La réponse est B ou C"),
            *("A resposta não é B", "La risposta non è B", "Ответ: не B", "答案不是B", "答案是B或C", "不选B"),
            *("答案是B。也可能是C。", "答えはBではありません", "정답은 B가 아닙니다", "选项B是错误的"),
        ),
    },
    "an adverb before the answer": {
        "B": ("The correct choice is therefore B.", "The answer is clearly the liver.", "The answer is thus, B"),
        None: ("The answer is therefore not B.", "The answer is probably B", "The answer is then unclear"),
    },
    "a sentence about the answer": {
        "B": (
            *(
                "B. Liver\n\nThe answer must be viewed with care.",
                "Correct answer: B\nThis adds an answer to the question.",
            ),
            "The answer is B. Liver. The answer should be placed in tags.",
        ),
        None: (
            "The answer must be viewed with care.",
            "B. Liver\n\nThe answer should be C.",
            "B is out. The answer is open",
        ),
    },
    "a letter before another text": {
        "B": (
            "The answer is B. The liver is brown.",
            "The answer is B.",
            "The answer is B. Liver",
            "Answer: B.\nCloud cells",
        ),
        None: (
            "The correct answer would be D. Cloud cells.",
            "The answer is B. Cloud cells",
            "The answer is B. Other.",
        ),
    },
    "the number of the prompt's item": {
        "B": ("2 B. Liver", "2\nB) Liver", "2. B. Liver"),
        None: ("2. B", "2 B. Gallbladder", "1. B. Liver\n2. C. Cystic Plate"),
    },
    "no option after all": {None: ("The answer is D. None of the above.", "B. None of the options fits")},
    "special tokens around the turn": {
        "B": (
            *("B<|eot_id|>", "B<end_of_turn>", "B<|endoftext|>", "B<|end|>", "B<eos>", "B<|end_of_text|>", "B</s></s>"),
            *("B<\uff5cend\u2581of\u2581sentence\uff5c>", "The answer is B.<|im_end|>\n<|im_end|>", "B<pad><pad>"),
            *("<|im_start|>assistant\nB", "<s> B", "<|start_header_id|>assistant<|end_header_id|>\n\nB<|eot_id|>"),
        ),
        None: ("<|im_end|>B", "B<|im_end|>A", "B<|endoftext|>Human: is it C?", "<|im_end|>"),
    },
    "reasoning in other tags": {
        "B": (
            *("<|thinking|>A</|thinking|>B", "<thinking>A or B</thinking>B", "<reasoning>A</reasoning>\nB"),
            *("<thought>A</thought>B", "<seed:think>A</seed:think>B", "[THINK]A[/THINK]B"),
            *(
                "\u25c1think\u25b7A\u25c1/think\u25b7B",
                "<unused94>thought\nA<unused95>The answer is B",
                "A?</thinking>B",
            ),
            "<|begin_of_thought|>A<|end_of_thought|><|begin_of_solution|>B<|end_of_solution|>",
            "<|channel|>analysis<|message|>A<|end|><|start|>assistant<|channel|>final<|message|>B<|return|>",
            "<|START_THINKING|>A<|END_THINKING|><|START_RESPONSE|>B<|END_RESPONSE|>",
            "<scratchpad>A</scratchpad><answer>B.</answer>",
        ),
        None: (
            "<reasoning>The answer is B",
            "<unused94>thought\nB",
            "[THINK]B",
            "<thinking>B</thinking>",
            "B</thinking>",
        ),
    },
    "other boxes": {
        "B": (
            *("\\boxed{B. Liver}", "\\boxed{\\text{B}}", "\\boxed{\\text{\\textbf{B}}}", "$$\\boxed{B}$$", "oxed{B}"),
            *("\\[\\boxed{\\mathrm{B}}\\]", "\\framebox{B}", "\x08oxed{\text{B}}", "\fbox{B}", "\\\\boxed{B}"),
            *("\\boxed Liver", "<boxed>B</boxed>", "\\boxed{(B)}", "[[B]]", "\u3010B\u3011"),
            "The answer is B <box>(12,34),(56,78)</box>",
        ),
        None: (
            *(
                "\\boxed{A, B}",
                "\\boxed{A}\\boxed{B}",
                "\\boxed{not B}",
                "<box>(1,2),(3,4)</box>",
                "the boxed B region",
            ),
            *("\\boxed{B", "\\boxed{{A}{B}}"),
        ),
    },
    "JSON and YAML": {
        "B": (
            *('```json\n{"answer": "B"}\n```', '{"final_answer": "B. Liver"}', "{'answer': 'B'}", '{"choice": "b"}'),
            *(
                '{"reasoning": "A is green, not brown", "answer": "B"}',
                '{"answer": "B", "why": "the omentum is yellow"}',
            ),
            *('{"answer_letter": "B", "answer_text": "Liver"}', '{"selected_option": "B"}', "answer: B", "answer: 'B'"),
            *("- answer: B", "Answer - B"),
        ),
        None: (
            *(
                '{"answer": ["A", "B"]}',
                '{"answer": "A or B"}',
                '{"answer": ""}',
                '{"answer": null}',
                '{"answer": "A|B"}',
            ),
            *('{"option": "B", "correct": false}', '{"answer": "A", "final_answer": "B"}', '{"answer": "B"} or A'),
        ),
    },
    "headings": {
        "B": (
            *(
                "## Answer\nB",
                "# Final Answer\n\n**B**",
                "Final Answer\nB",
                "Selection\nB. Liver",
                "## \u7b54\u6848\nB",
            ),
            *("### Conclusion\nThe structure is the liver.", "### R\u00e9ponse finale\n\nB", "**Conclusion:**\nB"),
            "## Reasoning\nA is green.\n\n## Answer\nB. Liver",
            "## Thinking\nA?\n## Final Response\nB. Liver\n## Explanation\nnot A",
        ),
        None: (
            *("A\n\n## Final Answer\nB", "## Answer\nA\n## Conclusion\nB", "## Thinking\nIt is the liver", "# Answer"),
            *("## Answer\nnot B", "## Notes\nB"),
        ),
    },
    "spellings of an option": {
        "C": (
            *("cystic-plate", "CYSTIC_PLATE", "cysticplate", "C. cystic_plate", "cystic plate (C)", "the_cystic_plate"),
            *("The answer is CysticPlate.", "It is the cystic_plate.", '{"answer": "cystic_plate"}', "C_cystic_plate"),
        ),
        None: (
            "cystic",
            "plate",
            "cystic_plates",
            "no_cystic_plate",
            "A. cystic_plate",
            "cystic_plate_liver",
            "plate cystic",
        ),
    },
    "a sentence": {
        "B": (
            *(
                "The structure in the center is **A. Liver**.".replace("A.", "B."),
                "The organ is the liver.",
                "B is correct.",
            ),
            *("The correct answer should be: B. Liver", "The best choice would be B", "I'd go with B.", "Liver (B)"),
            *("The most suitable option for the problem is B. Liver", "The answer to the question is B", "It is B."),
            "The answer is (B) Liver, located on the left.",
            *("B is the correct answer.", "Answer: It is the liver.", "This is the liver, which is brown."),
            *("Liver. The surface is brown and smooth.", "(B) Liver because it is brown", "B. Liver, as it is brown."),
        ),
        None: (
            *("This is not the liver", "The organ might be the liver", "Is it the liver?", "What is the liver?"),
            *(
                "The organ is the liver or the omentum",
                "The organ next to the gallbladder is the liver",
                "B is not correct.",
            ),
            *(
                "The liver is at the top. The gallbladder is at the left.",
                "Option A is the liver",
                "The liver is brown",
            ),
            *("This is the liver. No, it is not.", "One possibility is the liver.", "If it is the liver, I am wrong"),
            *("None of them is the liver", "A or B is correct", "The worst answer is B", "The choice to avoid is B"),
            *(
                "Liver. Not visible here.",
                "Gallbladder, liver and omentum.",
                "Answer: A is the liver",
                "I can't choose B",
            ),
        ),
    },
    "other options ruled out": {
        "B": (
            *(
                "The answer is B because A and D are wrong.",
                "The answer is B, not A.",
                "The answer is B since A is not seen.",
            ),
            *(
                "The answer is B, rather than A.",
                "The answer is B because it is not A.",
                "Answer: B, as A doesn't fit.",
            ),
        ),
        None: (
            *("The answer is not B because A is right", "The answer is B or C", "B is wrong; the answer is unclear"),
            *(
                "The answer is A because B is right",
                "The answer is B because A is not wrong",
                "The answer is B, not really",
            ),
            *("The answer is B because A is not excluded", "The answer is A because A and B are wrong", "B?"),
            *("The answer is B, but A is also possible", "The answer is B because it is B or C", "The answer is B, A?"),
            *(
                "The answer is B because only A is wrong",
                "The answer is B because B is not A",
                "The answer is B, not sure",
            ),
        ),
    },
}
FORMS = [(kind, choice, text) for kind, choices in KINDS.items() for choice, texts in choices.items() for text in texts]


@pytest.mark.parametrize(("kind", "choice", "text"), FORMS, ids=[f"{kind}: {text!a}" for kind, _, text in FORMS])
def test_case_24_the_kinds_of_what_a_careful_reader_reads(kind, choice, text):
    assert extract_lenient(text, OPTIONS).choice == choice


TWO_ANSWERS = {
    "first line, then announced": "A. Gallbladder\n\nThe correct answer is D. Omentum.",
    "first sentence, then announced": "A. Gallbladder. The correct answer is D. Omentum.",
    "text first": "Gallbladder\n\nThe correct answer is D.",
    "letter first": "A\n\nFinal answer: D",
    "announced, then boxed": "The answer is A. \\boxed{D}",
    "JSON, then announced": '{"answer": "A"}\n\nThe answer is D',
    "two cues": "2. The correct choice would be D. Omentum.\n\n3. So the answer is A. Gallbladder.",
    "is, then announced": "The organ is D. Omentum. So the answer is A.",
    "before a heading": "A. Gallbladder\n\n## Final Answer\n\nD",
}


@pytest.mark.parametrize("text", TWO_ANSWERS.values(), ids=TWO_ANSWERS)
def test_case_22_two_answers_are_several(text):
    key = ResponseKey("sgg_anatomy_mini", "q", 0, "sample", "p", "i", "w", "{}", 0)
    found = extract_response(Response(key, text, "stop"), OPTIONS)
    assert (found.lenient.choice, found.lenient.reason, found.several) == (None, "several", True)
    same = text.replace("D. Omentum", "A. Gallbladder").replace("D", "A")
    assert extract_lenient(same, OPTIONS).choice == "A", "the same option twice is one answer"


CUT = {
    "a list that goes on": ("A. Gallbladder is green.\nB.", None, None),
    "a letter and a full stop": ("It is smooth and brown.\nB.", None, None),
    "in brackets": ("(A) is green.\n(B)", None, None),
    "an option of a list": ("A. Gallbladder is green.\nB. Liver", None, None),
    "a letter as the last line": ("It is smooth and brown.\n\nB", "B", None),
    "a sentence without an end": ("The answer is B", "B", None),
    "a text that may go on": ("It is the liver", "B", None),
    "an announcement without an answer": ("B. Liver\n\nThere is one option, so the answer is:", "B", None),
    "an open tag": ("<think>x</think><answer>B", "B", None),
    "a finished sentence, then more": ("The answer is B. It is brown and", "B", "B"),
    "a first line, then more": ("B. Liver\n\nIt is brown and", "B", "B"),
    "a closed tag": ("<think>x</think> So: <answer>B</answer> It is", "B", "B"),
    "a closed box": ("It is \\boxed{B}", "B", "B"),
    "closed JSON": ('{"answer": "B"}', "B", "B"),
    "what the strict extractor reads": ("B", "B", "B"),
}


@pytest.mark.parametrize(("text", "stopped", "cut"), CUT.values(), ids=CUT)
def test_case_22_of_a_response_that_was_cut_off_only_what_was_finished_is_read(text, stopped, cut):
    assert extract_lenient(text, OPTIONS).choice == stopped
    assert extract_lenient(text, OPTIONS, truncated=True).choice == cut
    key = ResponseKey("sgg_anatomy_mini", "q", 0, "sample", "p", "i", "w", "{}", 0)
    assert extract_response(Response(key, text, "length"), OPTIONS).lenient.choice == cut


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("brown, not A</think>The answer is B", "B"),
        ("the answer is A, or <answer>C</answer>?</think>**B**", "B"),
        ("I use <answer> tags</think> b", "B"),
        ("x</think>", None),
        ("The answer is B, so</think>", None),
    ],
    ids=["announced", "answers tried", "a tag mentioned", "nothing after", "an answer before only"],
)
def test_case_01_the_lenient_extractor_reads_no_reasoning_that_the_prompt_opened(text, choice):
    assert extract_lenient(text, OPTIONS).choice == choice
    assert extract_lenient(f"<think>{text}", OPTIONS).choice == choice


def test_case_03_an_opening_tag_that_reasoning_mentions_opens_nothing():
    assert extract_lenient("<think>I use <think> tags. A?</think>The answer is B", OPTIONS).choice == "B"
    assert extract_lenient("<think>first <think> </think>, then A</think>The answer is B", OPTIONS).choice == "B"


ODD = {
    "one within another": ("Cystic", "Cystic Plate", "Plate"),
    "regular expressions": (".*", "(a+)+$", "[B]", "\\d{2}"),
    "letters": ("B", "A", "AB", "O"),
    "numbers": ("1", "10", "10 %", "10-12"),
    "brackets": ("(mild)", "mild (B)", "B. mild"),
    "a letter and more": ("E. coli", "A. fumigatus", "T-cell", "t cell"),
    "alike without spaces": ("T-1", "T1", "T_1", "t 1"),
    "blank and invisible": ("", " ", "\u200b", "\ud800"),
    "other scripts": ("\u809d\u810f", "\u80c6\u56ca", "M\u00fcller", "\u03b2"),
}


@pytest.mark.parametrize("options", ODD.values(), ids=ODD)
@settings(deadline=None)  # a busy machine must not fail the test
@given(data=st.data())
def test_any_text_and_any_options_have_a_verdict(options, data):
    piece = st.one_of(
        st.sampled_from([*options, "ABCD", "The answer is ", "is ", "\\boxed{", "}", ". ", "\n", "_"]),
        st.text(max_size=5),
    )
    text = "".join(data.draw(st.lists(piece, max_size=8)))
    for truncated in (False, True):
        choice = extract_lenient(text, options, truncated=truncated).choice
        assert choice is None or choice in "ABCD"[: len(options)]


@pytest.mark.parametrize(
    ("options", "text", "choice"),
    [
        (ODD["one within another"], "The answer is cystic_plate.", "B"),
        (ODD["a letter and more"], "The answer is A. fumigatus.", None),
        (ODD["a letter and more"], "The answer is A.", "A"),
        (ODD["alike without spaces"], "The answer is T1.", "B"),
        (ODD["alike without spaces"], "The answer is t--1.", None),
        (ODD["numbers"], "The answer is 1012.", None),
        (ODD["numbers"], "The answer is 10 %.", "C"),
        (("ER+", "ER-"), "The answer is ER_.", None),
        (("Hepatitis B", "Hepatitis"), "The answer is Hepatitis B.", "A"),
        (ODD["other scripts"], "\u7b54\u6848\u662f\u809d\u810f\u3002", "A"),
        (ODD["other scripts"], "\u7b54\u6848\u662f\u809d\u810f\u3002\u4e5f\u662f\u80c6\u56ca\u3002", None),
    ],
)
def test_options_that_look_like_each_other(options, text, choice):
    assert extract_lenient(text, options).choice == choice


NOT_STATED = {
    "a box that is denied": (
        *("The answer is not \\boxed{B}.", "So it cannot be \\boxed{B}", "I rule out \\boxed{A}."),
        *("The organ is definitely not <|begin_of_box|>Liver<|end_of_box|>", "The answer may be \\boxed{B}."),
    ),
    "a box that is asked for": ("Is it \\boxed{B}?", "Use \\boxed{B} for the final answer."),
    "a statement that is doubted": (
        *("I doubt the answer is B.", "I disagree that the answer is B.", "It is impossible that the answer is B."),
        *("Nothing suggests that the answer is B.", "Hardly anything suggests the answer is B."),
    ),
    "a statement that is supposed": (
        *("Suppose the answer is B.", "Let's say the answer is B.", "Hypothetically the answer is B."),
        "Provided that it is brown, the answer is B.",
    ),
    "another's statement": (
        "The second best answer is B.",
        "The previous answer is B.",
        "At first glance the answer is B.",
    ),
}


@pytest.mark.parametrize("kind", NOT_STATED)
def test_case_24_what_is_not_stated_is_not_read(kind):
    for text in NOT_STATED[kind]:
        assert extract_lenient(text, OPTIONS).choice is None, text


@pytest.mark.parametrize(
    "text",
    [
        "## Thinking\n\nIt is green. So the answer is A. But wait, maybe I should check whether",
        "The answer is A. Wait",
        "The answer is A. However, the colour",
        "The answer is A.\n\nHmm, on closer look the brown colour suggests",
        "The answer is A.\n\nOn reflection, I change my answer to D",
    ],
)
def test_case_22_what_a_cut_off_response_may_take_back_is_not_read(text):
    assert extract_lenient(text, OPTIONS, truncated=True).choice is None


def test_case_22_what_a_cut_off_response_has_finished_is_read():
    text = "\\boxed{B} The colour is brown. The shape is typical of"
    assert extract_lenient(text, OPTIONS, truncated=True).choice == "B"
