"""Links from numbers to their evidence: a system's page, its samples, the questions that flipped between two systems.

A number without responses on this site leads to its method's page. Names go through `urlencode`: stores may come from
anyone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from anatomy_r1.bases import split_model
from anatomy_r1.results.store import MATCHED
from anatomy_r1.tables.table import Headline
from reports.site.page import slug

SAMPLES_FILE, ROLLOUTS_FILE = "samples.html", "rollouts.html"


def method_file(method: str) -> str:
    """File name of a method's page."""
    return f"method-{slug(method)}.html"


def row_name(method: str, arm: str) -> str:
    """How the viewers call a method; the matched arm is not mentioned."""
    return method if arm == MATCHED else f"{method}/{arm}"


@dataclass(frozen=True)
class Evidence:
    """What there is to link to."""

    titles: Mapping[str, str] = field(default_factory=dict)
    """Title of a benchmark -> its id."""
    methods: frozenset[str] = frozenset()
    """Methods that have a page."""
    logged: frozenset[tuple[str, str, str]] = frozenset()
    """(benchmark, model, method as viewers call it) of the numbers whose responses can be read here."""

    def page(self, about: tuple[str, ...]) -> str:
        """The page of the method of a row; empty where it has none."""
        return method_file(about[1]) if len(about) == 3 and about[1] in self.methods else ""

    def number(self, about: tuple[str, ...], group: str) -> str:
        """The samples behind a number in the column group `group`, or else its method's page."""
        if len(about) != 3:
            return ""
        benchmark, (model, method, arm) = self.titles.get(group, ""), about
        return self.samples(benchmark, model, row_name(method, arm)) or self.page(about)

    def samples(self, benchmark: str, model: str, method: str, **more: str) -> str:
        """The samples of a system; empty where they are not on this site."""
        logged = sorted(of for of in self.logged if of[::2] == (benchmark, method) and split_model(of[1])[0] == model)
        if not logged:
            return ""
        # Of a mean over several bases, the samples of the first are shown; the viewer offers the others.
        words = {"benchmark": benchmark, "model": logged[0][1], "method": method, **more}
        return f"{SAMPLES_FILE}#{urlencode(words)}"

    def flips(self, headline: Headline, direction: str) -> str:
        """The questions that were `gained` or `lost` between the systems of a headline."""
        baseline, other = (tuple(name.split("/")) for name in headline.about[1:])
        if len(baseline) != 4 or len(other) != 4:
            return ""
        names = row_name(*baseline[2:]), row_name(*other[2:])
        if not self.samples(*other[:2], names[1]):
            return ""
        return self.samples(*baseline[:2], names[0], other=names[1], show=direction)
