"""The forest plot of the front page, drawn from the results shown, and once more for a phone.

One that was drawn with the tables is shown, with its downloads, if it is the same; another one is of other results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anatomy_r1.comparison.compare import Analysis
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import Result
from reports.figures import forest
from reports.site import artefacts
from reports.site.sizes import Size, picture_size

FOREST, NARROW = "figures/forest.svg", "figures/forest-narrow.svg"


@dataclass(frozen=True)
class Overview:
    """The forest plot as a page shows it."""

    file: str
    narrow: str
    """The same on a narrow window."""
    seeds: bool
    """Whether single seeds are in it."""
    retrained: bool
    """Whether intervals for another training are in it."""
    bases: bool
    """Whether several bases are in it."""
    undecided: bool
    """Whether any verdict is neither better nor worse."""
    size: Size | None
    narrow_size: Size | None


def figures(
    site: Path,
    results: Sequence[Result],
    compared: Mapping[str, tuple[list[Result], Analysis]],
    folders: Sequence[Path],
) -> tuple[tuple[artefacts.Figure, ...], Overview | None]:
    """All figures, which are put into the site, and the forest plot among them.

    It is None without a method in the matched arm. `compared` has the comparisons with GRPO by model, and `folders`
    what was drawn before (`reports.site.artefacts.figures`).
    """
    drawn = artefacts.figures(folders, site)
    try:
        rows = forest.forest_rows(results, known={model: analysis for model, (_, analysis) in compared.items()})
    except AnatomyR1Error:
        return drawn, None
    (site / FOREST).parent.mkdir(exist_ok=True)
    made = forest.svg(rows)
    if not (site / FOREST).is_file() or (site / FOREST).read_bytes() != made:
        for old in (site / FOREST).parent.glob(f"{Path(FOREST).stem}.*"):
            old.unlink()
        (site / FOREST).write_bytes(made)
        others = (one for one in drawn if Path(one.file).stem != Path(FOREST).stem)
        drawn = (artefacts.figure_of("Forest", site, FOREST), *others)
    (site / NARROW).write_bytes(forest.svg(rows, stacked=True))
    return drawn, Overview(
        file=FOREST,
        narrow=NARROW,
        seeds=forest.several_seeds(rows),
        retrained=forest.retrained(rows),
        bases=forest.from_several_bases(rows),
        undecided=forest.undecided(rows),
        size=picture_size(site / FOREST),
        narrow_size=picture_size(site / NARROW),
    )
