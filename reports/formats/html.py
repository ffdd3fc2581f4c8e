"""A page as one HTML file that needs nothing else: light and dark, readable on a phone and on paper."""

from __future__ import annotations

from pathlib import Path

from anatomy_r1.tables.html import environment
from reports.formats.page import Page


def render(page: Page) -> str:
    """The whole page. Every text is escaped: names come from stores and files that anyone may have written."""
    return environment(Path(__file__).parent).get_template("page.html.j2").render(page=page)
