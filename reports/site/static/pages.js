// A list of any length, a page at a time: a listbox with one chosen option, moved by keys, mouse or its two buttons.
"use strict";
(function () {
  const PAGE = 12; // rows that fit beside a sample

  // `draw(item)` gives a row's children; `chosen(item, enter)` hears of each choice; `enter` says it was by Enter.
  site.list = function (box, draw, chosen) {
    const before = document.getElementById("before");
    const after = document.getElementById("after");
    const place = document.getElementById("place");
    let items = [];
    let at = -1; // the chosen one
    let first = 0; // of the page

    function row(index) {
      const option = site.el(
        "div",
        {
          role: "option",
          id: "row-" + index,
          class: "row",
          "aria-selected": String(index === at),
          "aria-posinset": index + 1,
          "aria-setsize": items.length,
        },
        draw(items[index])
      );
      option.addEventListener("click", () => choose(index, false));
      return option;
    }

    function render() {
      const last = Math.min(items.length, first + PAGE);
      const rows = [];
      for (let index = first; index < last; index++) rows.push(row(index));
      box.replaceChildren(...rows);
      box.hidden = items.length === 0;
      if (at >= first && at < last) box.setAttribute("aria-activedescendant", "row-" + at);
      else box.removeAttribute("aria-activedescendant");
      place.textContent = items.length ? site.count(first + 1) + "–" + site.count(last) + " of " + site.count(items.length) : "";
      before.disabled = first === 0;
      after.disabled = last >= items.length;
    }

    const pageOf = (index) => index - (index % PAGE);

    function choose(index, enter) {
      if (index < 0 || index >= items.length) return;
      at = index;
      first = pageOf(at);
      render();
      chosen(items[at], enter);
    }

    const keys = {
      ArrowDown: () => at + 1,
      ArrowUp: () => at - 1,
      PageDown: () => Math.min(items.length - 1, at + PAGE),
      PageUp: () => Math.max(0, at - PAGE),
      Home: () => 0,
      End: () => items.length - 1,
    };
    box.addEventListener("keydown", function (event) {
      if (event.key === "Enter") choose(Math.max(at, 0), true);
      else if (keys[event.key]) choose(keys[event.key](), false);
      else return;
      event.preventDefault();
    });
    function turn(pages) {
      first = Math.max(0, Math.min(pageOf(items.length - 1), first + pages * PAGE));
      render();
    }
    before.addEventListener("click", () => turn(-1));
    after.addEventListener("click", () => turn(1));

    return {
      // Other items; `index` of the one that is chosen among them, or -1.
      set: function (others, index) {
        items = others;
        at = index;
        first = at >= 0 ? pageOf(at) : 0;
        render();
      },
      choose: choose,
    };
  };
})();
