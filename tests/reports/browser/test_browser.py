"""The site in a real browser: what a reader does with it, by mouse and by keyboard, in light and in dark."""

import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.helpers.site_worlds import HOSTILE, SGG

SETTLED = "document.getElementById('sample')?.getAttribute('aria-busy') === 'false'"
LOADED = "!document.getElementById('count').textContent.startsWith('Loading')"


def until(page, expression, seconds=10):
    """Waits for an expression. Playwright's own way evaluates text within the page, which the page's policy forbids."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(20)


def samples(visit, site, words="", **context):
    page = visit(site, f"samples.html#{words}", **context)
    until(page, SETTLED)
    return page


def column(page, table, index):
    """A column's cells by block."""
    return page.evaluate(
        """([id, index]) => Array.from(document.getElementById(id).tBodies, body => Array.from(body.rows)
           .filter(row => !row.classList.contains('block')).map(row => row.cells[index].firstChild.textContent))""",
        [table, index],
    )


def number(text):
    return float(re.match(r"[\d.]+", text).group())


def count(page):
    return int(page.inner_text("#count").split()[0].replace(",", ""))


def test_a_heading_sorts_both_ways_and_back_and_says_so(visit, site):
    page = visit(site, "table1.html")
    made = column(page, "table1-table", 1)
    heading = page.locator("#table1-table thead tr:last-child th").nth(1)
    heading.locator("button").click()
    (down,) = column(page, "table1-table", 1)
    shown = [number(text) for text in down if text != "—"]
    assert (
        heading.get_attribute("aria-sort") == "descending" and shown == sorted(shown, reverse=True) and len(shown) > 3
    )
    assert down[len(shown) :] == ["—"] * (len(down) - len(shown))
    assert "Avg@5" in page.inner_text("#said") and "descending" in page.inner_text("#said")
    heading.locator("button").click()
    (up,) = column(page, "table1-table", 1)
    assert heading.get_attribute("aria-sort") == "ascending"
    assert [number(text) for text in up if text != "—"] == shown[::-1] and up[len(shown) :] == down[len(shown) :]
    heading.locator("button").click()
    assert column(page, "table1-table", 1) == made and heading.get_attribute("aria-sort") == "none"


def test_filters_show_what_they_say(visit, site):
    page = samples(visit, site, "method=grpo")
    assert count(page) == 60
    page.select_option("[name=show]", "right")
    right = count(page)
    page.select_option("[name=show]", "wrong")
    assert 0 < right < 60 and count(page) == 60 - right
    page.select_option("[name=show]", "all")
    page.select_option("[name=category]", "Liver")
    until(page, "document.getElementById('count').textContent.startsWith('10 ')")
    about = page.locator("#list .row-about").all_inner_texts()
    assert about and all(text.startswith("Liver") for text in about)
    page.fill("[name=find]", "place 99 ")
    until(page, "document.getElementById('count').textContent.startsWith('0 ')")


def test_the_five_disagree_where_their_choices_do(visit, site):
    page = samples(visit, site, "method=zero-shot&show=disagree")
    rows = min(3, count(page))
    assert rows
    for row in range(rows):
        page.locator("#list .row").nth(row).click()
        until(page, SETTLED)
        choices = page.locator("#sample .choice").all_inner_texts()[:5]
        assert len(set(choices)) > 1, choices


def test_a_sample_shows_picture_question_options_choices_and_reasons(visit, site):
    page = samples(visit, site, "method=grpo&question=V02/0002")
    assert page.evaluate("document.querySelector('#sample img').naturalWidth") == 96
    assert page.inner_text("#sample .stem") == "What anatomy is at place 2 of the frame ?"
    options = page.locator("#sample .options li").all_inner_texts()
    assert len(options) == 4 and "right answer" in options[2]  # place 2: the third is right
    responses = page.locator("#sample .responses li")
    assert responses.count() == 6
    for text in responses.all_inner_texts():
        said = re.search(r"<answer> ([A-D]) </answer>", text)
        assert (f"read as {said.group(1)}" in text and "a letter" in text) if said else "no choice" in text


def test_a_permalink_opens_the_same_sample_elsewhere(visit, site):
    page = samples(visit, site)
    page.select_option("[name=benchmark]", "omnimed_mi_mini")
    page.select_option("[name=method]", "grpo-gdqa")
    page.locator("#list .row").nth(4).click()
    until(page, "document.querySelector('#sample .responses').dataset.method === 'grpo-gdqa'")
    link, said = page.locator("#sample .permalink").get_attribute("href"), page.inner_text("#sample")
    assert page.evaluate("location.hash") == link
    other = samples(visit, site, link[1:])
    assert other.inner_text("#sample") == said
    assert other.locator("#list [aria-selected=true]").count() == 1


def test_a_flip_is_followed_from_one_method_to_the_other(visit, site):
    page = samples(visit, site, "method=zero-shot&other=grpo&show=gained")
    assert 0 < count(page) < 60
    page.locator("#list .row").first.click()
    until(page, "document.querySelectorAll('#sample .responses').length === 2")
    question = page.inner_text("#sample-title").split()[0]
    rows = {row.split("\t")[0]: row.split()[-1] for row in page.locator(".elsewhere tbody tr").all_inner_texts()}
    assert rows["Zero-Shot"] == "wrong" and rows["GRPO"] == "right"
    page.locator(".elsewhere a", has_text=re.compile("^GRPO$")).click()
    until(page, "document.querySelector('#sample .responses').dataset.method === 'grpo'")
    assert page.inner_text("#sample-title").split()[0] == question
    assert page.input_value("[name=method]") == "grpo"


def test_flips_without_a_second_method_ask_for_one(visit, site):
    page = samples(visit, site, "method=grpo&show=flips")
    assert count(page) == 0 and "second method" in page.inner_text("#count")


@pytest.mark.parametrize("where", ["sample", "rollout"])
def test_a_hostile_response_is_text(visit, site, where):
    if where == "sample":
        page = samples(visit, site, "method=grpo&question=V01/0001")
        said = page.locator("#sample .responses pre").first
    else:
        page = visit(site, f"rollouts.html#benchmark={SGG}&method=grpo")
        page.wait_for_selector("section.group")
        said = page.locator("section.group pre", has_text="owned").first
    assert said.text_content() == HOSTILE
    assert "owned" not in page.title()
    assert page.locator("main script, main img[src='x']").count() == 0


def test_the_sample_viewer_by_keyboard_alone(visit, site):
    page = samples(visit, site)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    names = []
    while page.evaluate("document.activeElement.id") != "list":
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.name || document.activeElement.id"))
        assert len(names) < 12, names
    order = ["benchmark", "model", "seed", "method", "other", "category", "show", "find", "in", "list"]
    assert names == [name for name in order if name in names] and {"method", "show", "find"} <= set(names)
    for key, place in (
        ("ArrowDown", 2),
        ("End", 60),
        ("ArrowDown", 60),
        ("Home", 1),
        ("PageDown", None),
        ("ArrowUp", None),
    ):
        page.keyboard.press(key)
        active = page.locator("#" + page.get_attribute("#list", "aria-activedescendant"))
        assert active.get_attribute("aria-selected") == "true" and active.get_attribute("aria-setsize") == "60"
        assert place is None or int(active.get_attribute("aria-posinset")) == place
    page.keyboard.press("Enter")
    until(page, "document.activeElement.id === 'sample'")
    chosen = page.locator("#list [aria-selected=true] .row-about").inner_text().split(" · ")[1]
    until(page, f"document.getElementById('sample-title').textContent.startsWith('{chosen}')")


def test_a_table_sorts_by_keyboard(visit, site):
    page = visit(site, "costs.html")
    page.locator("#costs-table thead tr:last-child th button").nth(1).focus()
    page.keyboard.press("Enter")
    assert page.locator("#costs-table [aria-sort=descending]").count() == 1


def background(page):
    """Brightness of the page, 0 to 255."""
    red, green, blue = map(
        int, re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))[:3]
    )
    return (red + green + blue) / 3


def test_colours_follow_the_system_and_the_button_and_are_remembered(visit, site):
    page = visit(site, "index.html", color_scheme="dark")
    assert background(page) < 60
    page.click("#theme")
    assert background(page) > 200 and "light" in page.get_attribute("#theme", "aria-label")
    page.goto(f"{site.as_uri()}/table1.html")
    assert background(page) > 200
    page.click("#theme")
    assert background(page) < 60
    assert background(visit(site, "index.html", color_scheme="light")) > 200


RULES = {
    (1300, "light"): {"preload": False},
    (390, "light"): {"preload": False, "runOnly": ["scrollable-region-focusable"]},
    (1300, "dark"): {"preload": False, "runOnly": ["color-contrast"]},
}
"""Width and colours -> what axe looks for. It would fetch style sheets, which the page's policy forbids. In the dark
only colours differ, and on a phone what scrolls sideways."""
WIDTHS = (1300, 1024, 390)
PAGES = (
    "index",
    "table1",
    "table2",
    "blind",
    "costs",
    "controls",
    "comparisons",
    "methods",
    "method-grpo",
    "samples",
    "rollouts",
    "figures",
    "audit",
    "cards",
    "about",
)
FAULTS = """() => {
  const width = document.documentElement.clientWidth, found = [];
  const name = (one) => one.tagName.toLowerCase() + "." + one.className + " " + one.textContent.trim().slice(0, 40);
  if (document.documentElement.scrollWidth > width) found.push("the page is wider than its window");
  for (const one of document.querySelectorAll("body *")) {
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    if (!box.width || !box.height || one.closest(".skip, .sr")) continue;
    if (["auto", "scroll"].includes(style.overflowY) && one.scrollHeight > one.clientHeight + 1)
      found.push("scrolls on its own: " + name(one));
    if (style.overflowX === "hidden" && style.textOverflow !== "ellipsis" && one.scrollWidth > one.clientWidth + 1)
      found.push("cut off in its box: " + name(one));
    if (!one.closest(".scroll:not(.fits), .pan") && !one.closest("svg") && (box.right > width + 1 || box.left < -1))
      found.push("runs over the edge: " + name(one));
  }
  for (const one of document.querySelectorAll(".scroll, .pan")) {
    const hint = one.previousElementSibling;
    if (one.clientWidth && one.scrollWidth > one.clientWidth + 1 && !(hint && hint.matches(".hint:not([hidden])")))
      found.push("wide without a hint: " + name(one));
  }
  return found;
}"""
"""What a reader would see as cut off, and boxes with a vertical scroll bar of their own."""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_cut_off_or_scrolls_twice_and_axe_finds_nothing_serious(visit, site, scheme):
    """One visit to each page, at three widths."""
    page = visit(site, "index.html", color_scheme=scheme)
    faults, serious = [], []
    for name in PAGES:
        page.goto(f"{site.as_uri()}/{name}.html")
        if name in ("samples", "rollouts"):
            until(page, LOADED)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            page.evaluate("new Promise(requestAnimationFrame)")
            faults += [(name, width, fault) for fault in page.evaluate(FAULTS)]
            if (width, scheme) in RULES:
                violations = Axe().run(page, options=RULES[width, scheme]).response["violations"]
                found = [(name, width, v["id"], v["impact"], v["nodes"][0]["html"][:120]) for v in violations]
                serious += [one for one in found if one[3] in ("serious", "critical")]
    assert (faults, serious) == ([], [])


FAULTY = [
    ("scrolls on its own", "<div style='height:2em;overflow:auto'>one<br>two<br>three<br>four</div>"),
    ("runs over the edge", "<div style='width:200vw'>wide</div>"),
    ("cut off in its box", "<div style='width:4em;overflow:hidden;white-space:nowrap'>a long line of words</div>"),
    ("wide without a hint", "<div class='scroll'><div style='width:3000px'>wide</div></div>"),
]


@pytest.mark.parametrize(("fault", "body"), FAULTY, ids=[fault for fault, _ in FAULTY])
def test_each_kind_of_fault_would_be_found(visit, tmp_path, fault, body):
    style = "<style>.scroll{overflow-x:auto}</style>"
    (tmp_path / "page.html").write_text(f"<!doctype html><html lang='en'><title>t</title>{style}<body>{body}</body>")
    found = visit(tmp_path, "page.html").evaluate(FAULTS)
    assert any(one.startswith(fault) for one in found), found


def test_a_phone_reads_tables_of_words_as_cards_and_all_others_as_tables(visit, site):
    page = visit(site, "audit.html", viewport={"width": 390, "height": 800})
    shown = page.evaluate(
        """Array.from(document.querySelectorAll("table.data"),
             (one) => [one.classList.contains("words"), getComputedStyle(one).display])"""
    )
    assert {kind for words, kind in shown if words} <= {"block"}
    assert all(kind == "table" for words, kind in shown if not words)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    numbers = visit(site, "table1.html", viewport={"width": 390, "height": 800})
    assert numbers.evaluate("getComputedStyle(document.querySelector('table.data')).display") == "table"


@pytest.mark.parametrize("name", ["index", "figures", "rollouts"])
def test_every_picture_states_its_size_before_it_arrives(visit, site, name):
    page = visit(site, f"{name}.html")
    if name == "rollouts":
        page.wait_for_selector("section.group")
    sizes = page.evaluate(
        "Array.from(document.images, (one) => [one.getAttribute('width'), one.getAttribute('height')])"
    )
    assert sizes and all(int(width) > 0 and int(height) > 0 for width, height in sizes)


def test_drawings_are_light_on_dark_in_the_dark_alone(visit, site):
    turned = "getComputedStyle(document.querySelector('img.forest')).filter"
    assert "invert" in visit(site, "index.html", color_scheme="dark").evaluate(turned)
    assert visit(site, "index.html", color_scheme="light").evaluate(turned) == "none"
    photos = visit(site, "figures.html", color_scheme="dark")
    assert photos.evaluate("getComputedStyle(document.querySelector('img[src$=\".png\"]')).filter") == "none"


def test_a_phone_gets_the_stacked_forest_plot(visit, site):
    """The wide one would scroll sideways there, or have letters too small to read."""
    page = visit(site, "index.html")
    shown = "document.querySelector('img.forest').currentSrc.split('/').pop()"
    until(page, f"{shown} === 'forest.svg'")
    page.set_viewport_size({"width": 390, "height": 800})
    until(page, f"{shown} === 'forest-narrow.svg'")
    assert page.locator("img.forest").evaluate("image => image.getBoundingClientRect().right <= 390")


def test_the_heading_of_a_table_stays_in_sight(visit, site):
    page = visit(site, "table1.html", viewport={"width": 1300, "height": 500})
    page.evaluate("document.querySelector('#table1-table tbody tr:nth-child(8)').scrollIntoView()")
    top = "document.querySelector('{}').getBoundingClientRect().{}"
    until(page, f"{top.format('.top', 'bottom')} - {top.format('#table1-table thead', 'top')} < 2")
    assert page.evaluate(top.format("#table1-table thead", "top")) >= 0


def test_a_click_on_a_curve_goes_to_the_nearest_recorded_step(visit, site):
    page = visit(site, f"rollouts.html#benchmark={SGG}&method=grpo&step=1")
    page.wait_for_selector("section.group")
    box = page.locator("#charts svg").first.bounding_box()
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    until(page, "document.getElementById('count').textContent.includes('step 10;')")
    assert page.input_value("[name=step]") == "10"
    assert "step" in page.locator("#charts svg text").all_text_contents()


def test_draws_that_dapo_discarded_are_shown(visit, site):
    page = visit(site, f"rollouts.html#benchmark={SGG}&method=dapo&step=10&show=discarded")
    page.wait_for_selector("section.group")
    assert "1 of 2 groups at step 10" in page.inner_text("#count")
    assert "1 were drawn and discarded" in page.inner_text("#count")
    assert "not learned from" in page.locator("section.group").inner_text()
    assert "Groups drawn and discarded" in page.inner_text("#charts")


def test_words_are_found_in_responses(visit, site):
    page = samples(visit, site, "method=grpo&find=owned")
    assert count(page) == 0
    page.select_option("[name=in]", "responses")
    until(page, "document.getElementById('count').textContent.startsWith('1 ')")
    assert page.locator("#list .row-about").inner_text().endswith("V01/0001")


def test_a_number_leads_to_its_samples_and_a_verdict_to_the_questions_that_flipped(visit, site):
    page = visit(site, "table1.html")
    page.locator("#table1-table a.number", has_text=re.compile(r"^\d")).nth(3).click()
    until(page, SETTLED)
    assert page.input_value("[name=method]") == "grpo"
    page.goto(f"{site.as_uri()}/comparisons.html")
    page.locator(".verdicts a", has_text="gained").first.click()
    until(page, SETTLED)
    assert page.input_value("[name=show]") == "gained" and page.input_value("[name=method]") == "grpo"


def test_rollouts_show_groups_rewards_and_advantages(visit, site):
    page = visit(site, f"rollouts.html#benchmark={SGG}&method=grpo&step=10")
    page.wait_for_selector("section.group")
    assert page.locator("section.group").count() == 2
    assert "2 groups at step 10" in page.inner_text("#count")
    first = page.locator("section.group").first
    assert "teaches nothing" in first.inner_text() and "Prompt as served" in first.inner_text()
    assert first.locator("img").evaluate("image => image.complete && image.naturalWidth || 96") == 96
    heads = first.locator("thead th").all_inner_texts()
    assert heads == ["Response", "Choice", "accuracy reward", "format reward", "Advantage", "Tokens"]
    cells = [row.split("\t")[1:] for row in first.locator("tbody tr").all_inner_texts()]
    assert len(cells) == 8 and all(cell[1:] == ["1", "1", "0.000", "12"] for cell in cells)
    page.select_option("[name=step]", "1")
    until(page, "document.getElementById('count').textContent.includes('step 1;')")
    assert page.locator("#charts svg").count() == page.locator("#charts line.scored").count() == 6
    assert page.inner_text("#scored") == (
        "Scored in the tables (dashed line): the weights after step 11 in the arm of the same questions."
    )


def test_rollouts_open_at_groups_with_unequal_rewards(visit, site):
    """The first group of each step of this world is all right, so that it teaches nothing."""
    page = visit(site, "rollouts.html")
    page.wait_for_selector("section.group")
    assert page.input_value("[name=show]") == "teach"
    assert "teaches nothing" not in page.inner_text("#groups")
    page.select_option("[name=show]", "all")
    until(page, "document.getElementById('groups').innerText.includes('teaches nothing')")
    page.reload()
    page.wait_for_selector("section.group")
    assert page.input_value("[name=show]") == "all", "an address with choices keeps them"


@pytest.mark.slow
def test_20000_responses_draw_a_page_at_a_time(visit, large_site):
    page = samples(visit, large_site, "method=*")
    assert "20,000 responses" in page.inner_text("#count")
    assert page.evaluate("document.getElementById('list').querySelectorAll('.row').length") == 12
    assert page.evaluate("document.getElementsByTagName('*').length") < 2000
    loaded = page.evaluate(
        "performance.getEntriesByType('resource').map(one => one.name).filter(one => one.includes('/texts/'))"
    )
    assert len(loaded) <= 1  # texts of the sample in sight, not of four methods
    page.focus("#list")
    page.keyboard.press("End")
    until(page, "document.querySelector('#list [aria-posinset=\"4000\"]') !== null")
    assert page.evaluate("document.getElementById('list').querySelectorAll('.row').length") <= 12
    page.click("#before")
    until(page, "document.querySelector('#list [aria-posinset=\"4000\"]') === null")
