"""Types of the values in a profile: exact, finite, within their range, and never converted.

A section's numbers stay as they are written: 0 and 0.0 are different settings, with different digests.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StringConstraints

from anatomy_r1.validation import NUMBER, spelt

UNSET: Any = None
"""Default of a key that need not be given; it is not part of the profile then."""
_LARGE = 2**53
"""Larger integers are no longer exact as floats; none is meant."""


def _number(value: object) -> object:
    """An integer or a finite float, unchanged. (YAML 1.1 reads `2e-4` as a string.)"""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"should be a number, found {spelt(value)}")
    if not math.isfinite(value) if isinstance(value, float) else abs(value) >= _LARGE:
        raise ValueError(f"should be a finite number below 2**53, found {reprlib.repr(value)}")
    return value


def _above(bound: float, *, equal: bool = False) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value < bound or (value == bound and not equal):
            raise ValueError(f"should be {'at least' if equal else 'above'} {bound:g}, found {value}")
        return value

    return check


def _below_one(value: Any) -> Any:
    if value >= 1:
        raise ValueError(f"should be below 1, found {value}")
    return value


def _share(value: Any) -> Any:
    if value > 1:
        raise ValueError(f"should be a share of at most 1, found {value}")
    return value


def exact(value: object, at: str = "") -> None:
    """Refuse, anywhere below an option that is passed on to a library: numbers in text form, NaN and infinity."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            exact(below, f"{at}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for number, below in enumerate(value):
            exact(below, f"{at}[{number}]")
    elif isinstance(value, str) and "e" in value.lower() and NUMBER.fullmatch(value):
        raise ValueError(f"{at}: found {spelt(value)}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{at}: should be a finite number, found {value}")


def _exact_options(section: dict[str, Any]) -> dict[str, Any]:
    exact(section)
    return section


def _each_once(values: list[Any]) -> list[Any]:
    if twice := [one for one in values if values.count(one) > 1]:
        raise ValueError(f"{twice[0]!r} is listed twice")
    return values


def _a_list(value: object) -> object:
    if not isinstance(value, list):
        raise ValueError(f"should be a list, found {value!r}: write [{value}]")
    return value


Number = Annotated[float, PlainValidator(_number)]
Positive = Annotated[Number, AfterValidator(_above(0))]
NotNegative = Annotated[Number, AfterValidator(_above(0, equal=True))]
Share = Annotated[NotNegative, AfterValidator(_share)]
Fraction = Annotated[Positive, AfterValidator(_share)]
Part = Annotated[Positive, AfterValidator(_below_one)]
"""Some, and not all."""
AboveOne = Annotated[Number, AfterValidator(_above(1))]
Count = Annotated[int, Field(ge=1, lt=_LARGE)]
Whole = Annotated[int, Field(ge=0, lt=_LARGE)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Options = Annotated[dict[str, Any], AfterValidator(_exact_options)]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
Name = Annotated[str, StringConstraints(pattern=rf"^{NAME.pattern}$")]
"""A folder's name and a word of a command line."""
A_LIST = (BeforeValidator(_a_list), Field(min_length=1), AfterValidator(_each_once))
Names = Annotated[list[str], *A_LIST]
Seeds = Annotated[list[Seed], *A_LIST]
