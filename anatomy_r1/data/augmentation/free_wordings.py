"""Templates over the question types of OmniMedVQA's microscopy records: a shape of question and its other wordings.

The shapes were read off the 1,820 distinct stems of Med-R1's split; the wordings are ours. Each keeps the stem's own
content words, in order.

Wordings of a question in free English.

By templates (`free_templates.py`) where the stem has their shape. Every stem can besides be prefaced and be given
another word for the picture. The acceptance check (`rewrites.py`) has the last word.

Example:
    >>> free_forms("Which tissue can be seen in this picture?")[0]
    'What tissue can be seen in this picture?'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_GIVEN = "provided|given|supplied|depicted|displayed|shown"
_MEDIUM = rf"(?:this|the) (?:(?:{_GIVEN}) )?(?:image|picture|photograph|photo|visual representation)(?: (?:{_GIVEN}))?"
_SEEN = (
    "shown|seen|visible|depicted|observed|displayed|illustrated|portrayed|presented|present|featured|evident|found"
    "|identified"
)
_IN_MEDIUM = rf"(?:being )?(?:{_SEEN}) in {_MEDIUM}"
_USED = "used|employed|utilized"
_NOUN = r"(?P<noun>[\w/ -]+?)"
_NOT_SHOWN = re.compile(
    r"\b(?:is|are|was|were|would|can|do|does|appears?|that|in|for|by|to|with|as|from|at|on)\b"
    r"|\b(?:term|name|identity|identification|classification)\b"
    r"|(?<!type)(?<!types)(?<!kind)(?<!kinds)(?<!shape)(?<!morphology) of\b"
)
"""A phrase with one of these is no simple noun: "shown in the image" would then belong to another word of it."""
_OPEN_ENDED = re.compile(r"\b(?:called|shaped|classified as|identified as|labeled as|characterized by|indicative of)\b")
"""What needs the end of its own question: "What are the cells in this image called?" cannot become "Name the ..."."""


def _simple(noun: str) -> bool:
    return not _NOT_SHOWN.search(noun)


def _complete(noun: str) -> bool:
    return not _OPEN_ENDED.search(noun)


@dataclass(frozen=True, slots=True)
class Template:
    """A shape of question and its other wordings."""

    shape: re.Pattern[str]
    forms: tuple[str, ...]
    """With the names of the shape's groups, and `{Be}` for `{be}` with a capital."""
    fits: Callable[[str], bool] = lambda noun: True
    """Whether the shape's `noun` may stand in the forms."""


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
    Template(
        re.compile(rf"(?:What|Which) {_NOUN} can (?P<likely>(?:most )?likely )?be {_IN_MEDIUM}\?"),
        (
            "What {noun} can be seen in this picture?",
            "Which {noun} can be observed in the image?",
            *(form for form in _SHOWN if "{be}" not in form),
        ),
        _simple,
    ),
    Template(
        re.compile(rf"(?:What|Which) {_NOUN} (?P<be>is|are) (?P<likely>(?:most )?likely )?{_IN_MEDIUM}\?"),
        (*_SHOWN, "What {noun} can {likely}be seen in this image?"),
        _simple,
    ),
    Template(
        re.compile(rf"What (?P<be>is|are) the {_NOUN}(?: that (?:is|are|can be))?(?P<likely>) {_IN_MEDIUM}\?"),
        (*_SHOWN, "What {be} the {noun} that can be seen in this picture?"),
        _simple,
    ),
    Template(
        re.compile(rf"Identify the {_NOUN}(?P<likely>) {_IN_MEDIUM}\."),
        ("What {noun} can be seen in this picture?", "Which {noun} can be observed in the image?",
         "Please name the {noun} visible in this picture.", "Can you identify the {noun} depicted in the image?",
         "Name the {noun} shown in this image."),
        _simple,
    ),
    Template(
        # 160 of 5,680 records ask "What types of cells in this image?".
        re.compile(rf"What (?P<noun>types of [\w -]+?) in {_MEDIUM}\?"),
        ("What {noun} are shown in this image?", "Which {noun} can be seen in this picture?",
         "Identify the {noun} in this image.", "Please name the {noun} visible in this picture."),
        _simple,
    ),
    Template(
        re.compile(rf"What (?:does {_MEDIUM} (?:show|depict|display|illustrate|portray)|is {_IN_MEDIUM})\?"),
        ("What is shown in this image?", "What does this picture show?", "What can be seen in this image?",
         "What is depicted in the picture?", "What does the image depict?", "What is visible in this picture?"),
    ),
    Template(
        re.compile(
            rf"What (?:does {_MEDIUM} (?:show|depict|display)|is {_IN_MEDIUM}|can be (?:{_SEEN}) in {_MEDIUM})"
            r"(?P<what>,? in terms of .+)\?"
        ),
        ("What is shown in this image{what}?", "What does this picture show{what}?",
         "What can be seen in the image{what}?", "What is visible in this picture{what}?"),
    ),
    Template(
        re.compile(
            rf"What is (?:being )?(?:{_SEEN}) in this (?P<noun>microscopy|microscope|microscopic) (?:image|picture)\?"
        ),
        ("What can be seen in this {noun} image?", "What is shown in this {noun} picture?",
         "What is visible in the {noun} image?", "Please tell me what is depicted in this {noun} image."),
    ),
    Template(
        re.compile(
            r"What does (?P<noun>(?:the|this) .+) (?P<what>reveal|represent|depict)(?P<tail> in terms of .+)?\?"
        ),
        ("Tell me what {noun} {what}s{tail}.", "Can you tell me what {noun} {what}s{tail}?",
         "Please say what {noun} {what}s{tail}."),
    ),
    # What a person suffers from.
    Template(
        re.compile(
            r"(?:What|Which) (?P<noun>[\w ]*?(?:disease|condition|illness|ailment)) is "
            r"(?P<who>the [\w ]*(?:subject|individual|patient)\b.*?) "
            r"(?P<what>(?:afflicted with|diagnosed with|suffering from|experiencing)\b.*)\?"
        ),
        ("Which {noun} is {who} {what}?", "Name the {noun} that {who} is {what}.",
         "Can you tell me the {noun} that {who} is {what}?"),
    ),
    # How the picture was made.
    Template(
        re.compile(
            rf"(?:What|Which) {_NOUN} (?P<be>is|was) (?:{_USED}) (?P<what>(?:to|for|in) .+)\?"
        ),
        ("Which {noun} {be} used {what}?", "What {noun} {be} employed {what}?", "Identify the {noun} used {what}.",
         "Please name the {noun} that {be} utilized {what}.", "Can you name the {noun} that {be} used {what}?"),
    ),
    # Any other attribute of what is shown.
    Template(
        re.compile(r"What (?:is|are) the (?P<noun>.+)\?"),
        ("Tell me the {noun}.", "Please state the {noun}.", "Can you tell me the {noun}?"),
        _complete,
    ),
    # Yes or no, normal or abnormal.
    Template(
        re.compile(r"(?P<be>Is|Are) there (?P<noun>.+)\?"),
        ("Can you tell whether there {be} {noun}?", "Please say whether there {be} {noun}.",
         "Look at this image. {Be} there {noun}?"),
    ),
    Template(
        re.compile(
            rf"(?P<be>Is) (?P<noun>the (?:acrosome|head|tail|vacuole|tissue)\b.*?\b(?:image|picture|sperm)"
            rf"(?: of (?:the |a )?sperm)?(?: (?:{_GIVEN}))?) (?P<what>(?:normal|abnormal|considered|showing|displaying"
            r"|exhibiting|classified|deemed|indicative|irregular|in an? |in normal|within)\b.*)\?"
        ),
        ("Can you tell whether {noun} {be} {what}?", "Please say whether {noun} {be} {what}."),
    ),
)  # fmt: skip


_PREFACES = ("Look at this image. {stem}", "Please look at the picture: {lower}", "Tell me: {lower}")
_COMMAND = re.compile(r"(?:Identify|Name|State|Please) ")
_OTHER_MEDIUM = {
    "image": "picture",
    "picture": "image",
    "photograph": "picture",
    "photo": "picture",
    "visual representation": "image",
}


def free_forms(stem: str) -> tuple[str, ...]:
    """Wordings of a stem in free English, without repetitions and without the stem itself."""
    return tuple(dict.fromkeys(form for form in _forms(stem) if form != stem))


def _forms(stem: str) -> Iterator[str]:
    for template in TEMPLATES:
        if (found := template.shape.fullmatch(stem)) and template.fits(found.groupdict().get("noun", "")):
            yield from _filled(template, found.groupdict())
    for text in (stem, _with_other_medium(stem)):
        yield text
        for preface in _PREFACES[:2] if _COMMAND.match(stem) else _PREFACES:
            yield preface.format(stem=text, lower=text[0].lower() + text[1:])


def _filled(template: Template, groups: dict[str, str | None]) -> Iterator[str]:
    values = {name: value or "" for name, value in groups.items()}
    be = values.get("be", "").lower()
    for form in template.forms:
        yield form.format(**{**values, "be": be, "Be": be.capitalize()})


def _with_other_medium(stem: str) -> str:
    """`picture` for `image` and the other way round; "an image" stays, it would need another article."""
    if re.search(r"\ban image\b", stem):
        return stem
    return re.sub(rf"\b({'|'.join(_OTHER_MEDIUM)})\b(?!')", lambda found: _OTHER_MEDIUM[found[1]], stem)
