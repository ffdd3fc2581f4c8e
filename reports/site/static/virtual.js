// A list of any length that draws only the rows in sight: a listbox with one chosen option, moved by keys or mouse.
"use strict";
(function () {
  const HEIGHT = 56; // of a row in pixels, as site.css has it
  const SPARE = 6; // rows drawn beyond what is in sight

  // `draw(item)` gives a row's children; `chosen(item, enter)` hears of each choice; `enter` says it was by Enter.
  site.list = function (box, draw, chosen) {
    const room = site.el("div", { class: "room", role: "presentation" });
    box.replaceChildren(room);
    let items = [];
    let at = -1;

    function show(index) {
      const top = index * HEIGHT;
      if (top < box.scrollTop) box.scrollTop = top;
      else if (top + HEIGHT > box.scrollTop + box.clientHeight) box.scrollTop = top + HEIGHT - box.clientHeight;
    }

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
      option.style.transform = "translateY(" + index * HEIGHT + "px)";
      option.addEventListener("click", () => choose(index, false));
      return option;
    }

    function render() {
      const first = Math.max(0, Math.floor(box.scrollTop / HEIGHT) - SPARE);
      const last = Math.min(items.length, Math.ceil((box.scrollTop + box.clientHeight) / HEIGHT) + SPARE);
      const rows = [];
      for (let index = first; index < last; index++) rows.push(row(index));
      if (at >= 0 && (at < first || at >= last)) rows.push(row(at)); // what is chosen can always be named
      room.replaceChildren(...rows);
      if (at >= 0) box.setAttribute("aria-activedescendant", "row-" + at);
      else box.removeAttribute("aria-activedescendant");
    }

    function choose(index, enter) {
      if (index < 0 || index >= items.length) return;
      at = index;
      show(at);
      render();
      chosen(items[at], enter);
    }

    const page = () => Math.max(1, Math.floor(box.clientHeight / HEIGHT) - 1);
    const keys = {
      ArrowDown: () => at + 1,
      ArrowUp: () => at - 1,
      PageDown: () => Math.min(items.length - 1, at + page()),
      PageUp: () => Math.max(0, at - page()),
      Home: () => 0,
      End: () => items.length - 1,
    };
    box.addEventListener("keydown", function (event) {
      if (event.key === "Enter") choose(Math.max(at, 0), true);
      else if (keys[event.key]) choose(keys[event.key](), false);
      else return;
      event.preventDefault();
    });
    let asked = false;
    box.addEventListener("scroll", function () {
      if (asked) return;
      asked = true;
      requestAnimationFrame(function () {
        asked = false;
        render();
      });
    });
    window.addEventListener("resize", render);

    return {
      // Other items; `index` of the one that is chosen among them, or -1.
      set: function (others, index) {
        items = others;
        at = index;
        room.style.height = items.length * HEIGHT + "px";
        if (at >= 0) show(at);
        else box.scrollTop = 0;
        render();
      },
      choose: choose,
    };
  };
})();
