"""JUnit XML, which CI servers show: a suite a benchmark, a case a metric.

Names of questions and results are anybody's text: what XML 1.0 does not allow becomes U+FFFD, the rest is escaped by
the standard library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from anatomy_r1.comparison.regression_gate.flipped import Flipped
from anatomy_r1.comparison.regression_gate.gate import Gate, Judged, Pair
from anatomy_r1.comparison.regression_gate.words import flip_line, label, sentence, warnings

SUITE = "anatomy-r1 regress"
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Whatever is no Char of XML 1.0 (section 2.2), lone surrogates among it."""


def junit(gate: Gate, *, require_power: bool = False, named: int = 10) -> bytes:
    """The document; with `require_power`, what is underpowered fails too."""
    root = ElementTree.Element("testsuites", name=SUITE)
    for pair in gate.pairs:
        suite = ElementTree.SubElement(root, "testsuite", name=text(pair.benchmark))
        for one in pair.judged:
            _case(suite, pair, one, require_power, named)
        _count(suite)
        output = [*warnings(gate), *_flips("right to wrong", pair.lost, named)]
        output += _flips("wrong to right", pair.gained, named)
        ElementTree.SubElement(suite, "system-out").text = text("\n".join(output))
    return _bytes(root)


def refusal(message: str) -> bytes:
    """One case that ended in an error: nothing was judged."""
    root = ElementTree.Element("testsuites", name=SUITE)
    suite = ElementTree.SubElement(root, "testsuite", name=SUITE)
    case = ElementTree.SubElement(suite, "testcase", classname=SUITE, name="inputs")
    ElementTree.SubElement(case, "error", type="refused", message=text(message)).text = text(message)
    _count(suite)
    return _bytes(root)


def text(value: str) -> str:
    """`value` as XML can hold it."""
    return _FORBIDDEN.sub("\ufffd", value)


def _case(suite: ElementTree.Element, pair: Pair, one: Judged, require_power: bool, named: int) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=text(pair.benchmark), name=text(label(one)))
    said = text(sentence(pair, one))
    if one.verdict == "regression" or (one.verdict == "underpowered" and require_power):
        failure = ElementTree.SubElement(case, "failure", type=one.verdict, message=said)
        failure.text = text("\n".join([said, *_flips("right to wrong", pair.lost, named)]))
    else:
        ElementTree.SubElement(case, "system-out").text = f"{one.verdict}: {said}"


def _flips(direction: str, found: Sequence[Flipped], named: int) -> Iterator[str]:
    yield f"{len(found)} questions {direction}" + (":" if found and named else "")
    yield from (f"  {flip_line(one)}" for one in found[:named])


def _count(suite: ElementTree.Element) -> None:
    for name, tag in (("tests", "testcase"), ("failures", ".//failure"), ("errors", ".//error")):
        suite.set(name, str(len(suite.findall(tag))))


def _bytes(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
