"""Thin writers: a result store in, files out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results import load_results
from reports import paper
from reports.formats import html, latex, markdown, text, tidy
from reports.scores import scores
from reports.table1 import table1


def table1_files(store: Path) -> dict[str, str]:
    """File name -> content of Table 1 in every format.

    Raises:
        AnatomyR1Error: when the store does not exist, is empty, or holds what does not belong in one table.
    """
    if not store.is_dir():
        raise AnatomyR1Error(
            "no such folder. Run `tox -e reproduce-table1` first, or name the store of another profile"
        )
    results, numbers = load_results(store), paper.load()
    report = table1(results, numbers)
    return {
        "table1.txt": text.render(report),
        "table1.md": markdown.render(report),
        "table1.tex": latex.render(report),
        "table1.html": html.render(report),
        "table1.csv": tidy.render(results[0].profile, scores(results), numbers),
    }


def write_all(out: Path, files: Mapping[str, str]) -> None:
    """Write each file below `out` under a temporary name, then rename: a reader never sees half a file."""
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        temporary = out / f".{name}.tmp"
        temporary.write_text(content, encoding="utf-8")
        temporary.replace(out / name)
