"""Wordings of a question in free English.

By templates (`free_templates.py`) where the stem has their shape. Every stem can besides be prefaced and be given
another word for the picture. The acceptance check (`rewrites.py`) has the last word.

Example:
    >>> free_forms("Which tissue can be seen in this picture?")[0]
    'What tissue can be seen in this picture?'
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from anatomy_r1.data.augmentation.free_wordings import TEMPLATES, Template

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
