"""Answers within prose, sentence by sentence, for the lenient extractor: after "the answer is", before "is correct"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from anatomy_r1.scoring.cues import COPULA, CUE, DOUBT, HEDGE, REASON_FOLLOWS, RETRACTION, VERDICT, WEAK_CUE
from anatomy_r1.scoring.lenient_answer import NOTHING, SEVERAL, UNREADABLE, Found, LenientAnswer
from anatomy_r1.scoring.option_matcher import OptionMatcher

_SENTENCE_END = re.compile(r"(?<![.!?])[.!?]++[\"')\]\u201d]*+(?=\s|$)|[\u3002\uff61]|\n")
_CONTRAST = re.compile(r"[\s,;(]*+(?:and |but )?(?:not|rather than|instead of)\s(.+)", re.DOTALL | re.IGNORECASE)
_RULED_OUT = re.compile(
    r"[\s,;(]*+(?:because|since|as) (?P<subject>[^,;.]{1,200}?) (?:(?:is|are|was|were) (?:(?:clearly|obviously|both|all"
    r"|simply) )?(?:wrong|incorrect|false|not (?P<what>.+))|(?:(?:is|are|was|were|does|do)n['\u2019]t|(?:does|do) not"
    r"|cannot) (?P<rest>.+))\)?\s*",
    re.DOTALL | re.IGNORECASE,
)
_LABELLED = re.compile(r"\(?[A-H](?!\w)")
_DOUBLE = re.compile(r"\b(?:exclud|rule|impossible|only|just|but)", re.IGNORECASE)


def _sentences(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and end mark (empty at the end of the text) of each sentence."""
    start = 0
    for mark in _SENTENCE_END.finditer(text):
        yield start, mark.start(), mark[0]
        start = mark.end()
    yield start, len(text), ""


def finished(text: str) -> str:
    """The text up to the end of its last finished sentence."""
    ends = [mark.end() for mark in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else ""


def phrases(text: str, matcher: OptionMatcher) -> Found:
    """The text after a cue such as "the answer is", or before "is correct", sentence by sentence.

    A cue without anything behind it counts only if nothing else does. So does a weak one, such as "should be", that
    leads to no option: "the answer must be viewed with care".
    """
    found: list[LenientAnswer] = []
    after, blank = len(text), False
    for start, end, mark in _sentences(text):
        cues = list(CUE.finditer(text, start, end))
        if cues:
            before, between = text[start : cues[-1].end()], text[cues[0].end() : cues[-1].start()]
            stated = text[cues[-1].end() : end]
            if not matcher.plain(stated) and not matcher.named(between):
                blank = True
                continue
            one, length = _read_phrase(before, stated, matcher, mark=mark)
            if one == UNREADABLE and WEAK_CUE.search(cues[-1][0]) and not matcher.named(stated):
                blank = True
                continue
            if one.choice and matcher.begun(text[cues[-1].end() : end + matcher.reach]) - {one.choice}:
                one = SEVERAL  # "A. fumigatus" is no letter A
            if one.choice and matcher.plain(stated) == one.choice.casefold() and _is_label(text[end:], matcher):
                one = UNREADABLE  # "D. Cloud cells" where D is another text
            found.append(SEVERAL if matcher.named(between) else one)
            after = cues[-1].end() + length
        elif choice := _verdict(text[start:end], matcher):
            found.append(LenientAnswer(choice, "phrase"))
            after = end
    return Found(found or [UNREADABLE] * blank, text[after:], blank=blank and not found)


def _is_label(text: str, matcher: OptionMatcher) -> bool:
    """Whether the letter before `text`, which begins with a full stop, is the label of a text that is no option's.

    A few words to the end of the line, without a verb that we know: "D. Cloud cells", but "D. The liver is brown".
    """
    line = text[: matcher.reach].partition("\n")[0]
    words = line.removeprefix(".").strip(" *").removesuffix(".")
    few = 0 < len(words.split()) <= max(len(one.split()) for one in matcher.texts) + 1
    sentence = CUE.search(words) or re.search(r"[.!?]|\b(?:is|are|was|has|have)\b", words)
    return line.startswith(".") and few and not sentence and not matcher.named(words)


def _read_phrase(before: str, stated: str, matcher: OptionMatcher, *, mark: str) -> tuple[LenientAnswer, int]:
    """The answer of one sentence, `before` and `stated` around its cue, and how many characters of `stated` hold it.

    `mark`: what ends the sentence. If nothing does, a lower-case letter may be an article that was cut off.
    """
    lower = bool(mark) or not stated.rstrip()[-1:].isalpha()
    whole = matcher.read(stated, lower=lower)
    if HEDGE.search(before) or "?" in mark:
        return LenientAnswer(None, "hedged"), 0
    if whole:
        return LenientAnswer(whole, "phrase"), len(stated)
    reason = REASON_FOLLOWS.search(stated, len(stated) - len(stated.lstrip(" (")))
    head, tail = (stated[: reason.start()], stated[reason.start() :]) if reason else (stated, "")
    choice = matcher.read(head) if reason else None
    if choice and _only_others_are_ruled_out(tail, choice, matcher):
        return LenientAnswer(choice, "phrase"), len(stated)
    if HEDGE.search(stated):
        return LenientAnswer(None, "hedged"), 0
    copula = COPULA.search(stated)
    if not choice and copula and not matcher.named(stated[: copula.start()]):
        choice = matcher.read(stated[copula.end() :], lower=False)
    if choice:
        return LenientAnswer(choice, "phrase"), len(head)
    return SEVERAL if matcher.is_list(head) else UNREADABLE, len(head)


def _only_others_are_ruled_out(tail: str, choice: str, matcher: OptionMatcher) -> bool:
    """Whether what follows an answer only says that other options are wrong: "not A", "because A is wrong"."""
    if contrast := _CONTRAST.fullmatch(tail):
        other = matcher.read(contrast[1])
        return other is not None and other != choice
    ruled = _RULED_OUT.fullmatch(tail)
    if not ruled:
        return False
    subject, what = ruled["subject"], ruled["what"] or ruled["rest"] or ""
    named = matcher.named(subject) | set(re.findall(r"(?<!\w)[A-H](?!\w)", subject))
    if not named:  # "because it is not A"
        named, what = {matcher.read(what) or choice} if subject.casefold() in ("it", "this", "that") else {choice}, ""
    clear = not (HEDGE.search(subject) or HEDGE.search(what) or _DOUBLE.search(subject + " " + what))
    return clear and choice not in named and not matcher.named(what)


def _verdict(sentence: str, matcher: OptionMatcher) -> str | None:
    """The option of "B is correct"."""
    verdict = VERDICT.search(sentence, 0, matcher.reach + 40)
    if not verdict or verdict[0].strip() in ("is", "is the") or HEDGE.search(sentence):
        return None
    return matcher.read(sentence[: verdict.start()], lower=False)


def _copulas(text: str, matcher: OptionMatcher) -> Iterator[tuple[str, int, int, int]]:
    """Option after each "is" that no other option stands before, and where sentence, "is" and option begin."""
    for start, end, mark in _sentences(text):
        for copula in COPULA.finditer(text, start, end) if "?" not in mark else ():
            stated = text[copula.end() : min(end, copula.end() + matcher.reach)]
            reason = REASON_FOLLOWS.search(stated)
            heads = (stated, stated[: reason.start()]) if reason else (stated,)
            choice = next((found for head in heads if (found := matcher.read(head, lower=False))), None)
            if choice:
                yield choice, start, copula.start(), copula.end()
                break


def copula(text: str, matcher: OptionMatcher) -> LenientAnswer:
    """The option after "is", if no other one is named in the whole text and nothing hedges from there on."""
    for choice, start, end, stated in _copulas(text, matcher):
        before, after = text[start:end], text[stated:]
        hedged = HEDGE.search(before) or DOUBT.search(before) or HEDGE.search(after) or RETRACTION.search(after)
        alone = not matcher.named(before) and matcher.named(text) == {choice}
        return LenientAnswer(choice, "phrase") if alone and not hedged else NOTHING
    return NOTHING


def labelled(text: str, matcher: OptionMatcher) -> set[str]:
    """Options that stand after "is" with their letter, as in "this is D. Liver": statements, though weak ones."""
    return {
        choice
        for choice, start, end, stated in _copulas(text, matcher)
        if _LABELLED.match(text, stated, stated + 3) and not HEDGE.search(text, start, end)
    }
