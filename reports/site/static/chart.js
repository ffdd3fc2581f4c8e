// A line of numbers with its axes; a click goes to the nearest step of which groups were recorded.
"use strict";
(function () {
  const NS = "http://www.w3.org/2000/svg";
  const WIDTH = 320;
  const HEIGHT = 170;
  const BOX = { left: 46, right: 10, top: 8, bottom: 34 };

  function svg(tag, attributes, ...children) {
    const element = document.createElementNS(NS, tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
  }

  // Round numbers from below `low` to above `high`, four steps at most.
  function ticks(low, high) {
    const least = (high - low) / 3 || Math.abs(high) || 1;
    const power = 10 ** Math.floor(Math.log10(least));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= least * (1 - 1e-9));
    const found = [];
    for (let place = Math.floor(low / step + 1e-9); place <= Math.ceil(high / step - 1e-9); place++) found.push(place * step);
    return found.length > 1 ? found : [found[0], found[0] + step];
  }

  const short = (value) => (Math.abs(value) >= 1000 ? value / 1000 + "k" : String(Number(value.toPrecision(6))));

  function axes(xs, ys, x, y) {
    const right = WIDTH - BOX.right;
    const bottom = HEIGHT - BOX.bottom;
    const rows = ys.flatMap((value) => [
      svg("line", { x1: BOX.left, x2: right, y1: y(value), y2: y(value), class: "grid" }),
      svg("text", { x: BOX.left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value)),
    ]);
    const columns = xs.map((value) => svg("text", { x: x(value), y: bottom + 15, "text-anchor": "middle" }, short(value)));
    const title = svg("text", { x: (BOX.left + right) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, "step");
    return [...rows, svg("line", { x1: BOX.left, x2: right, y1: bottom, y2: bottom, class: "axis" }), ...columns, title];
  }

  // `points`: [x, y] in order, y may be null; `at`: the x that is marked; `recorded`: the x that can be gone to, by `go`;
  // `lines`: the x that get an upright line.
  site.chart = function (title, points, digits, at, recorded, go, lines) {
    const known = points.filter(([, y]) => y !== null);
    if (!known.length) return null;
    const xs = known.map(([x]) => x);
    const ys = known.map(([, y]) => y);
    const rows = ticks(Math.min(...ys), Math.max(...ys));
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), rows[0], rows[rows.length - 1]];
    const x = (value) => BOX.left + ((value - left) / (right - left || 1)) * (WIDTH - BOX.left - BOX.right);
    const y = (value) => HEIGHT - BOX.bottom - ((value - low) / (high - low || 1)) * (HEIGHT - BOX.top - BOX.bottom);
    const line = known.map(([a, b]) => x(a).toFixed(1) + "," + y(b).toFixed(1)).join(" ");
    const dots = known.filter(([a]) => recorded.includes(a)).map(([a, b]) => svg("circle", { cx: x(a), cy: y(b), r: 2.5, class: "dot" }));
    const columns = ticks(left, right).filter((value) => value >= left && value <= right);
    const said =
      title + ", steps " + left + " to " + right + ", from " + Math.min(...ys).toFixed(digits) + " to " +
      Math.max(...ys).toFixed(digits) + ", last " + ys[ys.length - 1].toFixed(digits);
    const marked = known.find(([a]) => a === at);
    const drawing = svg(
      "svg",
      { viewBox: "0 0 " + WIDTH + " " + HEIGHT, role: "img", "aria-label": said },
      ...axes(columns.length > 1 ? columns : [left, right], rows, x, y),
      ...lines
        .filter((value) => value >= left && value <= right)
        .map((value) => svg("line", { x1: x(value), x2: x(value), y1: BOX.top, y2: HEIGHT - BOX.bottom, class: "scored" })),
      svg("polyline", { points: line, class: "line" }),
      ...dots,
      ...(marked ? [svg("circle", { cx: x(marked[0]), cy: y(marked[1]), r: 5, class: "now" })] : [])
    );
    drawing.addEventListener("click", function (event) {
      const box = drawing.getBoundingClientRect();
      const step = left + (((event.clientX - box.left) / box.width) * WIDTH - BOX.left) / (WIDTH - BOX.left - BOX.right) * (right - left);
      if (recorded.length) go(recorded.reduce((best, one) => (Math.abs(one - step) < Math.abs(best - step) ? one : best)));
    });
    const now = marked ? "step " + at + ": " + marked[1].toFixed(digits) : "";
    const caption = site.el("figcaption", {}, site.el("b", {}, title), now && site.el("span", {}, now));
    return site.el("figure", { class: "chart" }, caption, drawing);
  };
})();
