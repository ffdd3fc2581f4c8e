"""Hooks of the documentation (mkdocs.yml): pages that live outside docs/ become pages of the book.

README is its front page. Links are written for the repository, relative to the file that has them; here they are
turned into links between pages. A link to a file that is no page (a CSV, a folder) becomes its path as text, and an
image from elsewhere (a badge) its description, so that the book opens without a network.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files  # type: ignore[import-not-found]  # only in the book's own environment

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = {
    "index.md": "README.md",
    "results/mini.md": "results/mini/README.md",
    "results/mini-first.md": "results/mini-first/README.md",
    "results/shared_prefix.md": "results/bench/shared_prefix.md",
    "results/blind_ceiling.md": "results/bench/blind_ceiling.md",
    "results/audit.md": "results/audit/audit.md",
    "results/ledger.md": "results/audit/ledger.md",
    "results/table1.md": "results/mini/table1.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "data-licenses.md": "DATA_LICENSES.md",
    "tasks.md": "tasks/README.md",
}
"""Page of the book -> file of the repository."""
FIGURES = ("figure1", "figure2", "figure2_samples", "figure5", "figure6", "training_curves")
IMAGES = (
    "results/mini/forest.png",
    "results/shortcuts/shortcuts.png",
    *(f"results/mini/figures/{name}.svg" for name in FIGURES),
)
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
CODE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
SCHEME = re.compile(r"[a-z]+:|#")


def on_files(files: Files, config: Any) -> Files:
    """Add what lies outside docs/."""
    for page, source in {**OUTSIDE, **{image: image for image in IMAGES}}.items():
        if (ROOT / source).is_file():
            files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn the links of one page, outside code blocks, into links of the book."""
    parts = CODE.split(markdown)
    return "".join(part if part.startswith("```") else links(part, page.file.src_uri) for part in parts)


def links(text: str, page: str) -> str:
    """`text` of `page` (a path in the book) with its links turned."""
    origin = posixpath.dirname(OUTSIDE.get(page, f"docs/{page}"))

    def target(link: str) -> str | None:
        path, _, anchor = link.partition("#")
        source = posixpath.normpath(posixpath.join(origin, path))
        found = PAGES.get(source)
        if found is None:
            return None
        return os.path.relpath(found, posixpath.dirname(page) or ".") + (f"#{anchor}" if anchor else "")

    def turned(match: re.Match[str]) -> str:
        shown, link = match.groups()
        if SCHEME.match(link):
            return match[0]
        found = target(link)
        return f"{match[0].partition('](')[0]}]({found})" if found else f"{shown} (`{link}`)"

    def shown(match: re.Match[str]) -> str:
        return match[1] if SCHEME.match(match[2]) else turned(match)

    return LINK.sub(turned, PICTURE.sub(shown, text))


PAGES = {
    **{f"docs/{path.name}": path.name for path in (ROOT / "docs").glob("*.md")},
    **{source: page for page, source in OUTSIDE.items()},
    **{image: image for image in IMAGES},
}
"""File of the repository -> page or image of the book."""
