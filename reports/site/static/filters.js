// Which samples are shown: pure functions over the strings of marks that reports/site/samples.py writes.
"use strict";
(function () {
  const SIX = 6;
  const FIVE = 5;

  const six = (text, place) => (text ? text.slice(place * SIX, place * SIX + SIX) : "");

  // What one cell says of one question; null where it does not have it.
  site.outcome = function (cell, place) {
    const right = six(cell.right, place);
    if (right.trim() === "") return null;
    return {
      right: right,
      major: cell.major[place] === "1",
      read: Number(cell.read[place]),
      choices: six(cell.choices, place),
      reasons: six(cell.reasons, place),
      cut: six(cell.cut, place),
    };
  };

  const count = (one) => one.right.slice(0, FIVE).split("1").length - 1;
  site.rightOfFive = count;

  // Without choices only right against wrong can be told apart.
  function disagree(one) {
    return new Set((one.choices || one.right).slice(0, FIVE)).size > 1;
  }

  const SHOWN = {
    all: () => true,
    right: (one) => one.major,
    wrong: (one) => !one.major,
    mixed: (one) => count(one) > 0 && count(one) < FIVE,
    disagree: disagree,
    unparsed: (one) => one.read < FIVE,
    flips: (one, other) => other !== null && one.major !== other.major,
    gained: (one, other) => other !== null && !one.major && other.major,
    lost: (one, other) => other !== null && one.major && !other.major,
  };
  site.needsOther = (show) => ["flips", "gained", "lost"].includes(show);

  // Whether any of the six responses has the words; texts are there only if responses are searched.
  function said(texts, place, find) {
    if (!texts) return false;
    const of = texts.at.slice(place * SIX, place * SIX + SIX);
    return of.some((at) => at >= 0 && texts.texts[at].toLowerCase().includes(find));
  }

  // Samples of these cells that pass: {cell, place, one, other}, in the order of questions within each cell.
  site.samples = function (questions, cells, other, want) {
    const passes = SHOWN[want.show] || SHOWN.all;
    const find = want.find.trim().toLowerCase();
    const kept = [];
    questions.forEach(function (question, place) {
      if (want.category && question[2] !== want.category) return;
      kept.push(place);
    });
    const asked = (place) => (questions[place][0] + " " + questions[place][4]).toLowerCase().includes(find);
    const matches = (cell, place) => !find || asked(place) || said(cell.said, place, find);
    const found = [];
    cells.forEach(function (cell) {
      kept.forEach(function (place) {
        if (!matches(cell, place)) return;
        const one = site.outcome(cell.marks, place);
        const beside = one && other ? site.outcome(other.marks, place) : null;
        if (one && passes(one, beside)) found.push({ cell: cell, place: place, one: one, other: beside });
      });
    });
    return found;
  };

  const LETTER = { right: "●", wrong: "○", none: "–" };

  function kind(one, index) {
    if (one.right[index] === "1") return "right";
    return one.choices && one.choices[index] === "." ? "none" : "wrong";
  }
  site.kind = kind;

  // Six marks, with what they say for those who do not see them.
  site.marks = function (one) {
    const said = count(one) + " of 5 right, greedy " + (one.right[FIVE] === "1" ? "right" : "wrong");
    const all = Array.from({ length: SIX }, (_, index) =>
      site.el("span", { class: "mark " + kind(one, index) + (index === FIVE ? " greedy" : "") }, LETTER[kind(one, index)])
    );
    return site.el("span", { class: "marks", role: "img", "aria-label": said }, all);
  };
})();
