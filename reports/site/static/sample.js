// One sample: image, question, options, and each response with what the extractor read from it and why.
"use strict";
(function () {
  const NAMES = ["1 of 5", "2 of 5", "3 of 5", "4 of 5", "5 of 5", "Greedy"];
  const SAID = { right: "right", wrong: "wrong", none: "unparsed, counts as wrong" };

  function badges(question, cell) {
    const texts = [question[2], question[1] && "cluster " + question[1], question[3]].filter(Boolean);
    const all = texts.map((text) => site.el("li", {}, text));
    if (cell.unfit) all.push(site.el("li", { class: "alarm" }, "unfit"));
    if (cell.leaks.length) all.push(site.el("li", { class: "alarm" }, "† not clean"));
    return site.el("ul", { class: "badges", "aria-label": "About this sample" }, all);
  }

  function picture(question, cell, shown, benchmark) {
    const file = shown === null ? question[7] : shown;
    const swapped = cell.images === "swapped" ? "The image of another question was shown, on purpose." : "";
    if (file) {
      const image = site.el("img", { src: file, alt: "Image of question " + question[0] });
      return site.el("figure", { class: "picture" }, image, swapped && site.el("figcaption", {}, swapped));
    }
    const why = cell.images === "none" ? "No image was shown, on purpose." : benchmark.notice || "The image is not here.";
    return site.el("p", { class: "absent" }, why);
  }

  function options(question) {
    if (!question[5].length) return site.el("p", { class: "absent" }, "Question and options are not here.");
    const all = question[5].map(function (text, index) {
      const letter = String.fromCharCode(65 + index);
      const right = letter === question[6];
      const mark = right ? site.el("span", { class: "tag right" }, "right answer") : null;
      return site.el("li", { class: right ? "gold" : false }, site.el("b", {}, letter + "."), " ", text, " ", mark);
    });
    return site.el("ol", { class: "options" }, all);
  }

  function verdict(one, index, reasons) {
    const kind = site.kind(one, index);
    const parts = [site.el("span", { class: "tag " + kind }, SAID[kind])];
    if (one.choices) {
      const choice = one.choices[index] === "." ? "no choice" : "read as " + one.choices[index];
      parts.push(site.el("span", { class: "choice" }, choice), site.el("span", { class: "reason" }, reasons.get(one.reasons[index])));
      if (one.cut[index] === "1") parts.push(site.el("span", { class: "tag wrong" }, "cut off at the token limit"));
    }
    return site.el("p", { class: "verdict" }, parts);
  }

  function response(one, index, text, reasons) {
    const said = text === null ? null : site.el("pre", { class: "said" }, text === "" ? "(nothing)" : text);
    return site.el("li", {}, site.el("h4", {}, NAMES[index]), verdict(one, index, reasons), said);
  }

  // One cell's six responses under its title.
  function responses(cell, one, texts, place, reasons) {
    const text = (index) => (texts ? texts.texts[texts.at[place * 6 + index]] : null);
    const all = NAMES.map((_, index) => response(one, index, text(index), reasons));
    const title = site.el("h3", {}, cell.page ? site.el("a", { href: cell.page }, cell.title) : cell.title, ", seed " + cell.seed, " ", site.marks(one));
    const why = cell.notice ? site.el("p", { class: "absent" }, cell.notice) : null;
    return site.el("section", { class: "responses", "data-method": cell.method }, title, why, site.el("ol", {}, all));
  }

  // The same question by every method of this model and seed; each row leads there.
  function elsewhere(rows) {
    const body = rows.map((row) =>
      site.el(
        "tr",
        { class: row.here ? "here" : false },
        site.el("th", { scope: "row" }, site.el("a", { href: row.link, "aria-current": row.here ? "true" : false }, row.title)),
        site.el("td", {}, row.one ? site.marks(row.one) : "—"),
        site.el("td", {}, row.one ? (row.one.major ? "right" : "wrong") : "—")
      )
    );
    const names = ["Method", "Responses", "Majority"].map((name) => site.el("th", { scope: "col" }, name));
    return site.el(
      "section",
      { class: "elsewhere" },
      site.el("h3", {}, "The same question by other methods"),
      site.el("table", { class: "data plain" }, site.el("thead", {}, site.el("tr", {}, names)), site.el("tbody", {}, body))
    );
  }

  // Fills `box`; `shown` is {question, benchmark, link, sides: [{cell, one, texts}], place, elsewhere}.
  site.showSample = function (box, shown, reasons) {
    const first = shown.sides[0];
    const swapped = first.texts && first.texts.shown ? first.texts.shown[shown.place] : null;
    box.replaceChildren(
      site.el("h2", { id: "sample-title" }, shown.question[0], " ", site.el("a", { class: "permalink", href: shown.link }, "link to this sample")),
      badges(shown.question, first.cell),
      site.el(
        "div",
        { class: "asked" },
        picture(shown.question, first.cell, swapped, shown.benchmark),
        site.el("div", {}, site.el("p", { class: "stem" }, shown.question[4]), options(shown.question))
      ),
      site.el(
        "div",
        { class: "sides" },
        shown.sides.map((side) => responses(side.cell, side.one, side.texts, shown.place, reasons))
      ),
      elsewhere(shown.elsewhere)
    );
    box.setAttribute("aria-busy", "false");
  };
})();
