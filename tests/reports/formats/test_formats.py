"""The formats: hostile names stay text, the same results give the same bytes, and structure holds."""

import csv
import io
import re
from html.parser import HTMLParser

import pytest

from anatomy_r1.results.store import save_result
from anatomy_r1.tables import html, markdown, text
from reports.__main__ import main
from reports.formats import escape_latex, latex
from reports.tables.table1 import table1
from reports.write import table_files
from tests.helpers.stores import grid, result

HOSTILE = "<script>alert(1)</script> | $x_1$ & 100% \\end{document} \x1b[31m [a](javascript:b) `c` \u2028 π"


@pytest.fixture(scope="module")
def hostile():
    """A method with a name that no format may take for its own markup."""
    from dataclasses import replace

    return table1([*grid(), replace(result(), method=HOSTILE)])


@pytest.fixture
def store(tmp_path):
    for cell in grid():
        save_result(tmp_path / "results", cell)
    return tmp_path / "results"


class Tags(HTMLParser):
    """Collects tags and checks that they close in order."""

    VOID = frozenset({"meta"})

    def __init__(self):
        super().__init__()
        self.seen, self.open, self.rows = [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append(0)
        if tag in {"td", "th"}:
            self.rows[-1] += int(dict(attrs).get("colspan", 1))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_whole_self_contained_and_escaped(hostile):
    page = html.render(hostile)
    tags = Tags()
    tags.feed(page)
    assert not tags.open
    assert not {"script", "link", "img", "iframe", "a"} & set(tags.seen)
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"https?://|url\(|@import", page)
    assert "prefers-color-scheme: dark" in page
    main_rows = tags.rows[2 : 2 + 2 + 10 + 11]
    assert set(main_rows) == {15}


def test_markdown_keeps_its_columns_and_escapes(hostile):
    page = markdown.render(hostile)
    assert "<script>" not in page.replace("\\<script\\>", "")
    for block in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(counts) == 1
    assert re.search(r"\*\*\d+\.\d\d\*\* \\\[", page)
    assert re.search(r"<u>\d+\.\d\d</u>", page)


def test_latex_balances_and_escapes(hostile):
    source = latex(hostile)
    assert "\\end{document}" not in source
    assert source.isascii()
    bare = re.sub(r"\\[\\{}%&#$_]", "", source)
    assert bare.count("{") == bare.count("}")
    assert "$" not in bare
    assert not re.search(r"(?<!^)%", bare.replace(bare.splitlines()[0], ""))
    assert source.count(r"\begin{tabular}") == source.count(r"\end{tabular}") == 8
    for tabular in re.findall(r"\\begin\{tabular\}\{l(r+)\}(.*?)\\end\{tabular\}", source, re.DOTALL):
        rows = [line for line in tabular[1].splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
        assert {len(re.findall(r"(?<!\\)&", line)) for line in rows} == {len(tabular[0])}


def test_latex_prints_what_its_default_encoding_has():
    """No dash from two hyphens, no quotation mark that needs another encoding, an arrow as an arrow."""
    assert escape_latex('--a "b"') == r"-{}-a \texttt{\char34}b\texttt{\char34}"
    assert escape_latex("SFT \u2192 GRPO, 3 - 2, \u2014") == r"SFT \ensuremath{\rightarrow} GRPO, 3 - 2, ---"


def test_a_line_break_in_a_title_cannot_leave_a_latex_comment():
    from dataclasses import replace

    report = replace(table1(grid()), title="a\n\\input{evil}")
    assert latex(report).splitlines()[0] == "% a \\input{evil}"


def test_text_fits_the_screen_and_moves_no_cursor(hostile):
    page = text.render(table1(grid()))
    assert max(map(len, page.splitlines())) <= 140
    assert "\x1b" not in text.render(hostile)
    assert page.index("Table 1.") > page.index("Responses:")
    assert re.search(r"\*\d+\.\d\d\* \[", page)


def test_csv_is_tidy_and_inert(store):
    formula = result('=HYPERLINK("x")', 0.5)
    save_result(store, formula)
    rows = list(csv.DictReader(io.StringIO(table_files("table1", store)["table1.csv"])))
    assert {len(row) for row in rows} == {20}
    assert not any(row["method"].startswith("=") for row in rows)
    one = next(r for r in rows if (r["model"], r["method"], r["metric"]) == ("mini-l", "grpo", "avg@5") and r["paper"])
    assert (one["paper"], one["questions"], one["category"]) == ("76.1400", "40", "")
    assert all(float(row["low"]) <= float(row["percent"]) <= float(row["high"]) for row in rows)


@pytest.mark.slow
def test_the_same_store_gives_the_same_bytes(store, tmp_path, capsys):
    outs = [tmp_path / "a", tmp_path / "b"]
    for out in outs:
        assert main(["table1", "--store", str(store), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    names = sorted(path.name for path in outs[0].iterdir())
    drawn = [f"forest.{suffix}" for suffix in ("pdf", "png", "svg")]
    written = [f"table1.{suffix}" for suffix in ("csv", "html", "md", "tex", "txt")]
    assert names == ["cost.csv", "cost.txt", *drawn, *written]
    for name in names:
        assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes()
    assert (outs[0] / "table1.txt").read_text() in printed


@pytest.mark.parametrize("make", [False, True], ids=["no store", "an empty one"])
def test_a_store_without_results_is_refused_with_the_cure(tmp_path, capsys, make):
    if make:
        (tmp_path / "results").mkdir()
    assert main(["table1", "--store", str(tmp_path / "results"), "--out", str(tmp_path / "out")]) == 2
    assert "reproduce-table1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
