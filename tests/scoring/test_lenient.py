"""Properties of the lenient extractor: it agrees with the strict one, prefers no letter, and is linear."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anatomy_r1.scoring import cues, lenient_answer, plain_text, sentences
from anatomy_r1.scoring import lenient as lenient_module
from anatomy_r1.scoring import option_matcher as option_matcher_module
from anatomy_r1.scoring import strict as strict_module
from anatomy_r1.scoring.lenient import LENIENT_PARSED, extract_lenient
from anatomy_r1.scoring.option_matcher import option_matcher
from anatomy_r1.scoring.strict import PARSED, extract
from tests.scoring.test_hostile_outputs import CASES, text_of

OPTIONS = ("Gallbladder", "Liver", "Cystic", "Cystic Plate")
EXTRACTORS = [extract, extract_lenient]
ANY_TEXT = st.text(alphabet=st.characters(), max_size=60)  # lone surrogates and control characters too
PIECES = [
    *("<think>", "</think>", "<answer>", "</answer>", "<Answer>", "\\boxed{", "}", "**", "\u200b", "\n", ".", ",", ":"),
    *(
        "The answer is ",
        "Answer: ",
        "I choose ",
        "not ",
        "or ",
        " because ",
        "wait ",
        "Final ",
        "option ",
        "(",
        ")",
        " ",
    ),
    *("brown ", "the ", "e ", "YOUR CHOICE HERE"),
]
# A letter of an option has punctuation after it: in "A grasper", the letter is an article.
NAMED = st.tuples(
    st.integers(0, 3), st.sampled_from(["{letter}.", "({letter})", "{letter}\n", "{text}", "{letter}. {text}"])
)
SOUP = st.lists(st.one_of(st.sampled_from(PIECES), NAMED), max_size=12)


def render(soup, places, options):
    """The soup as a text; option number i of `OPTIONS` is at places[i] in `options`."""
    return "".join(
        piece
        if isinstance(piece, str)
        else piece[1].format(letter="ABCD"[places[piece[0]]], text=options[places[piece[0]]])
        for piece in soup
    )


@pytest.mark.parametrize("extractor", EXTRACTORS)
@settings(deadline=None)  # a busy machine must not fail the test
@given(soup=SOUP, options=st.permutations(OPTIONS))
def test_reordering_the_options_keeps_the_chosen_text(extractor, soup, options):
    first = extractor(render(soup, range(4), OPTIONS), OPTIONS)
    other = extractor(render(soup, [options.index(text) for text in OPTIONS], options), options)
    texts = [
        found.choice and shown_["ABCD".index(found.choice)] for found, shown_ in ((first, OPTIONS), (other, options))
    ]
    assert texts[0] == texts[1]
    assert first.reason == other.reason


@settings(deadline=None)  # a busy machine must not fail the test
@given(SOUP)
def test_it_agrees_where_the_strict_extractor_reads_an_answer(soup):
    text = render(soup, range(4), OPTIONS)
    strict = extract(text, OPTIONS)
    assert strict.choice is None or extract_lenient(text, OPTIONS).choice == strict.choice


@settings(deadline=None)  # a busy machine must not fail the test
@given(SOUP)
def test_an_invisible_character_keeps_the_choice_or_removes_it(soup):
    """It stops the strict extractor, so that the lenient one's own rules decide."""
    text = render(soup, range(4), OPTIONS)
    assert extract_lenient(f"{text}\u200b", OPTIONS).choice in (extract_lenient(text, OPTIONS).choice, None)


@settings(deadline=None)  # a busy machine must not fail the test
@given(st.sampled_from(["{}", "<answer>{}</answer>", "<think>A, so B.</think> <answer> {} </answer>"]), NAMED)
def test_its_own_rules_agree_with_the_strict_extractor(form, named):
    """An invisible character at the end stops the strict extractor; then the lenient rules decide alone."""
    text = form.format(render([named], range(4), OPTIONS))
    assert extract(f"{text}\u200b", OPTIONS).choice is None
    assert extract_lenient(f"{text}\u200b", OPTIONS).choice == extract(text, OPTIONS).choice is not None


@pytest.mark.parametrize("extractor", EXTRACTORS)
@settings(deadline=None)  # a busy machine must not fail the test
@given(text=ANY_TEXT, options=st.lists(ANY_TEXT, min_size=2, max_size=8, unique=True))
def test_every_text_has_one_reproducible_verdict(extractor, text, options):
    found = extractor(text, options)
    assert (found.choice is not None) == (found.reason in PARSED | LENIENT_PARSED)
    assert found.choice is None or found.choice in "ABCDEFGH"[: len(options)]
    option_matcher.cache_clear()
    assert extractor(text, options) == found


@settings(deadline=None)  # a busy machine must not fail the test
@given(thought=st.text(max_size=40).filter(lambda text: "think" not in text.casefold()), letter=st.sampled_from("ABCD"))
def test_reasoning_never_changes_the_choice(thought, letter):
    assert extract_lenient(f"<THINK>{thought}</THINK> So: <answer>{letter}</answer>", OPTIONS).choice == letter


def test_normalising_by_character_equals_normalising_the_text():
    text = "\uff22\u24b7M\u00fcller\u2460\ufb01"
    assert plain_text.normalize(text) == unicodedata.normalize("NFKD", text)


class Counting:
    """A compiled pattern that records how many characters it is given."""

    def __init__(self, pattern, tally):
        self.pattern, self.tally = pattern, tally

    def __getattr__(self, name):
        def call(*args, **kwargs):
            text = args[1] if name == "sub" else args[0]
            span = range(len(text))[slice(*args[1:3])] if name != "sub" and len(args) > 1 else text
            self.tally.append(len(span))
            return getattr(self.pattern, name)(*args, **kwargs)

        return call


MODULES = (
    *(strict_module, lenient_module, option_matcher_module),
    *(cues, lenient_answer, plain_text, sentences),
)


@pytest.fixture
def work(monkeypatch):
    """A function that counts the characters that all patterns read for one verdict."""
    tally = []
    for module in MODULES:
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                monkeypatch.setattr(module, name, Counting(value, tally))
    made = option_matcher_module._pattern
    monkeypatch.setattr(option_matcher_module, "_pattern", lambda texts: Counting(made(texts), tally))

    def count(text, options):
        option_matcher.cache_clear()
        tally.clear()
        extract_lenient(text, tuple(options))
        return sum(tally)

    yield count
    option_matcher.cache_clear()


@pytest.mark.parametrize(
    "case", [case for case in CASES if not isinstance(case["output"], str)], ids=lambda case: case["name"]
)
def test_twice_the_text_is_twice_the_work(work, case):
    small, large = (work(text_of(case["output"], times), case["options"]) for times in (500, 1000))
    assert large <= 2.1 * small
    plain = unicodedata.normalize("NFKD", text_of(case["output"], 1000))
    assert large <= 25 * len(plain), "every character is read a bounded number of times"
