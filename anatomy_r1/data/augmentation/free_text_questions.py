"""Questions in free English, OmniMedVQA's kind: read into a meaning, and reworded by templates.

Reading is conservative on purpose: only the few words listed here carry no meaning or are synonyms; any other
difference makes another question. So "head" for "tail", "cells" for "tissue", a lost "not" or "abnormal", and a changed
order are all detected.

The templates cover the question types of the microscopy records: their shapes were read off the 1,820 distinct stems of
Med-R1's split, the wordings are ours. Each keeps the stem's own content words, in order. In addition, any stem can get
a preface and another word for the image.

Example:
    >>> read_free_text("Please name the cell type visible in this picture.").words
    ('cell', 'type')
    >>> reword_free_text("Which tissue can be seen in this picture?")[0]
    'What tissue can be seen in this picture?'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from anatomy_r1.data.augmentation.scene_questions import Asks, Meaning, normalized

# Reading.

_GIVEN = "(?:provided|given|supplied|shown|displayed|depicted|presented)"
_THE_MEDIUM = rf"(?:the|this) (?:{_GIVEN} )?(?:image|picture|photograph|photo)(?: {_GIVEN})?"
_IN_THE_MEDIUM = re.compile(rf"\b(?:in|within) {_THE_MEDIUM}\b(?!')")

# Words without meaning here: determiners, copulas, words for "can be seen" and for the image itself.
_CARRIERS = frozenset(
    re.findall(
        r"\w+",
        """
        a an the this that is are was were be been being can could do does did there you
        shown show shows seen see visible depicted depict depicts displayed display observed observe
        illustrated illustrate portrayed portray presented present featured pictured evident found identified
        provided given supplied image picture photograph photo
        """,
    )
)
# Synonyms: how an image was made, and two words for a class.
_SAME = {
    "employed": "used", "utilized": "used", "obtain": "capture", "acquire": "capture", "obtaining": "capturing",
    "acquiring": "capturing", "kind": "type", "kinds": "types", "reveals": "reveal", "represents": "represent",
}  # fmt: skip

_COMMAND = r"(?:please |can you |could you )?(?:please )?"
_LOOK = re.compile(rf"(?:please )?look at {_THE_MEDIUM}[.:,] |in {_THE_MEDIUM}, ")
_WHETHER = re.compile(rf"{_COMMAND}(?:tell me|tell|say|state) (?:whether|if) ")
_TELL = re.compile(rf"{_COMMAND}(?:tell me|say|state|name|identify|give)(?::|,)? ")
_LEADS: dict[str, Asks] = {
    "what": "what", "which": "what", "how": "how", "is": "yes or no", "are": "yes or no", "was": "yes or no",
    "does": "yes or no", "do": "yes or no", "can": "yes or no", "could": "yes or no",
}  # fmt: skip


def read_free_text(stem: str) -> Meaning:
    """What a stem asks for, and its content words in order."""
    asks, text = _asked(normalized(stem).replace("visual representation", "image"))
    text = _IN_THE_MEDIUM.sub(" ", text)
    words = re.findall(r"[a-z0-9'_-]+|[^\sa-z0-9'_.,;:?-]", text)
    return Meaning(asks, words=tuple(_SAME.get(word, word) for word in words if word not in _CARRIERS))


def _asked(text: str) -> tuple[Asks, str]:
    """What is asked for, and the text without the words that say so."""
    if look := _LOOK.match(text):
        text = text[look.end() :]
    if whether := _WHETHER.match(text):
        return "yes or no", text[whether.end() :]
    if told := _TELL.match(text):
        text = text[told.end() :]
    lead, _, rest = text.partition(" ")
    if lead in _LEADS:
        return _LEADS[lead], rest
    # As in "Through which technique was ...": the words before the question word are content words too.
    if within := re.search(r"\b(?:what|which) ", text):
        return "what", text[: within.start()] + text[within.end() :]
    return ("what" if told else "other"), text


# Writing.

_ADDED = "provided|given|supplied|depicted|displayed|shown"
_ANY_MEDIUM = (
    rf"(?:this|the) (?:(?:{_ADDED}) )?(?:image|picture|photograph|photo|visual representation)(?: (?:{_ADDED}))?"
)
_SEEN = (
    "shown|seen|visible|depicted|observed|displayed|illustrated|portrayed|presented|present|featured|evident|found"
    "|identified"
)
_SEEN_IN_MEDIUM = rf"(?:being )?(?:{_SEEN}) in {_ANY_MEDIUM}"
_NOUN = r"(?P<noun>[\w/ -]+?)"
_NOT_SHOWN = re.compile(
    r"\b(?:is|are|was|were|would|can|do|does|appears?|that|in|for|by|to|with|as|from|at|on)\b"
    r"|\b(?:term|name|identity|identification|classification)\b"
    r"|(?<!type)(?<!types)(?<!kind)(?<!kinds)(?<!shape)(?<!morphology) of\b"
)
"""A phrase with one of these is no simple noun: "shown in the image" would then refer to another of its words."""
_OPEN_ENDED = re.compile(r"\b(?:called|shaped|classified as|identified as|labeled as|characterized by|indicative of)\b")
"""Phrases that only fit their own question: "What are the cells in this image called?" cannot become "Name the ..."."""


@dataclass(frozen=True, slots=True)
class RewriteTemplate:
    """A shape of question and its rewrites."""

    shape: str
    """Regular expression."""
    forms: tuple[str, ...]
    """Format strings with the names of the shape's groups, and `{Be}` for a capitalized `{be}`."""
    unless: re.Pattern[str] | None = None
    """Found in the shape's `noun`: with such a noun the forms would not be correct English."""


_SHOWN = (
    "Which {noun} {be} {likely}shown in this image?",
    "What {noun} {be} {likely}depicted in the image?",
    "Identify the {noun} {likely}shown in this image.",
    "Please name the {noun} {likely}visible in this picture.",
    "Can you identify the {noun} {likely}depicted in the image?",
    "Look at this picture. Which {noun} {be} {likely}visible?",
)
TEMPLATES = (
    # What is shown: cells, tissue, mucosa, diagnosis.
    RewriteTemplate(
        rf"(?:What|Which) {_NOUN} can (?P<likely>(?:most )?likely )?be {_SEEN_IN_MEDIUM}\?",
        (
            "What {noun} can be seen in this picture?",
            "Which {noun} can be observed in the image?",
            *(form for form in _SHOWN if "{be}" not in form),
        ),
        unless=_NOT_SHOWN,
    ),
    RewriteTemplate(
        rf"(?:What|Which) {_NOUN} (?P<be>is|are) (?P<likely>(?:most )?likely )?{_SEEN_IN_MEDIUM}\?",
        (*_SHOWN, "What {noun} can {likely}be seen in this image?"),
        unless=_NOT_SHOWN,
    ),
    RewriteTemplate(
        rf"What (?P<be>is|are) the {_NOUN}(?: that (?:is|are|can be))?(?P<likely>) {_SEEN_IN_MEDIUM}\?",
        (*_SHOWN, "What {be} the {noun} that can be seen in this picture?"),
        unless=_NOT_SHOWN,
    ),
    RewriteTemplate(
        rf"Identify the {_NOUN}(?P<likely>) {_SEEN_IN_MEDIUM}\.",
        ("What {noun} can be seen in this picture?", "Which {noun} can be observed in the image?",
         "Please name the {noun} visible in this picture.", "Can you identify the {noun} depicted in the image?",
         "Name the {noun} shown in this image."),
        unless=_NOT_SHOWN,
    ),
    RewriteTemplate(
        # 160 of 5,680 records ask "What types of cells in this image?".
        rf"What (?P<noun>types of [\w -]+?) in {_ANY_MEDIUM}\?",
        ("What {noun} are shown in this image?", "Which {noun} can be seen in this picture?",
         "Identify the {noun} in this image.", "Please name the {noun} visible in this picture."),
        unless=_NOT_SHOWN,
    ),
    RewriteTemplate(
        rf"What (?:does {_ANY_MEDIUM} (?:show|depict|display|illustrate|portray)|is {_SEEN_IN_MEDIUM})\?",
        ("What is shown in this image?", "What does this picture show?", "What can be seen in this image?",
         "What is depicted in the picture?", "What does the image depict?", "What is visible in this picture?"),
    ),
    RewriteTemplate(
        rf"What (?:does {_ANY_MEDIUM} (?:show|depict|display)|is {_SEEN_IN_MEDIUM}|can be (?:{_SEEN}) in "
        rf"{_ANY_MEDIUM})(?P<what>,? in terms of .+)\?",
        ("What is shown in this image{what}?", "What does this picture show{what}?",
         "What can be seen in the image{what}?", "What is visible in this picture{what}?"),
    ),
    RewriteTemplate(
        rf"What is (?:being )?(?:{_SEEN}) in this (?P<noun>microscopy|microscope|microscopic) (?:image|picture)\?",
        ("What can be seen in this {noun} image?", "What is shown in this {noun} picture?",
         "What is visible in the {noun} image?", "Please tell me what is depicted in this {noun} image."),
    ),
    RewriteTemplate(
        r"What does (?P<noun>(?:the|this) .+) (?P<what>reveal|represent|depict)(?P<tail> in terms of .+)?\?",
        ("Tell me what {noun} {what}s{tail}.", "Can you tell me what {noun} {what}s{tail}?",
         "Please say what {noun} {what}s{tail}."),
    ),
    # What a person suffers from.
    RewriteTemplate(
        r"(?:What|Which) (?P<noun>[\w ]*?(?:disease|condition|illness|ailment)) is "
        r"(?P<who>the [\w ]*(?:subject|individual|patient)\b.*?) "
        r"(?P<what>(?:afflicted with|diagnosed with|suffering from|experiencing)\b.*)\?",
        ("Which {noun} is {who} {what}?", "Name the {noun} that {who} is {what}.",
         "Can you tell me the {noun} that {who} is {what}?"),
    ),
    # How the image was made.
    RewriteTemplate(
        rf"(?:What|Which) {_NOUN} (?P<be>is|was) (?:used|employed|utilized) (?P<what>(?:to|for|in) .+)\?",
        ("Which {noun} {be} used {what}?", "What {noun} {be} employed {what}?", "Identify the {noun} used {what}.",
         "Please name the {noun} that {be} utilized {what}.", "Can you name the {noun} that {be} used {what}?"),
    ),
    # Any other attribute of what is shown.
    RewriteTemplate(
        r"What (?:is|are) the (?P<noun>.+)\?",
        ("Tell me the {noun}.", "Please state the {noun}.", "Can you tell me the {noun}?"),
        unless=_OPEN_ENDED,
    ),
    # Yes or no, normal or abnormal.
    RewriteTemplate(
        r"(?P<be>Is|Are) there (?P<noun>.+)\?",
        ("Can you tell whether there {be} {noun}?", "Please say whether there {be} {noun}.",
         "Look at this image. {Be} there {noun}?"),
    ),
    RewriteTemplate(
        rf"(?P<be>Is) (?P<noun>the (?:acrosome|head|tail|vacuole|tissue)\b.*?\b(?:image|picture|sperm)"
        rf"(?: of (?:the |a )?sperm)?(?: (?:{_ADDED}))?) (?P<what>(?:normal|abnormal|considered|showing|displaying"
        r"|exhibiting|classified|deemed|indicative|irregular|in an? |in normal|within)\b.*)\?",
        ("Can you tell whether {noun} {be} {what}?", "Please say whether {noun} {be} {what}."),
    ),
)  # fmt: skip


_PREFACES = ("Look at this image. {stem}", "Please look at the picture: {lower}", "Tell me: {lower}")
_IMPERATIVE = re.compile(r"(?:Identify|Name|State|Please) ")
_OTHER_MEDIUM = {
    "image": "picture", "picture": "image", "photograph": "picture", "photo": "picture",
    "visual representation": "image",
}  # fmt: skip


def reword_free_text(stem: str) -> tuple[str, ...]:
    """Rewrites of a stem in free English, without repetitions; the stem itself may be among them."""
    return tuple(dict.fromkeys(_forms(stem)))


def _forms(stem: str) -> Iterator[str]:
    for template in TEMPLATES:
        if found := re.fullmatch(template.shape, stem):
            groups = {name: value or "" for name, value in found.groupdict().items()}
            be = groups.get("be", "").lower()
            if not (template.unless and template.unless.search(groups["noun"])):
                for form in template.forms:
                    yield form.format(**{**groups, "be": be, "Be": be.capitalize()})
    for text in (stem, _with_other_medium(stem)):
        yield text
        for preface in _PREFACES[:2] if _IMPERATIVE.match(stem) else _PREFACES:
            yield preface.format(stem=text, lower=text[0].lower() + text[1:])


def _with_other_medium(stem: str) -> str:
    """`picture` for `image` and vice versa; "an image" stays, as it would need another article."""
    if re.search(r"\ban image\b", stem):
        return stem
    return re.sub(rf"\b({'|'.join(_OTHER_MEDIUM)})\b(?!')", lambda found: _OTHER_MEDIUM[found[1]], stem)
