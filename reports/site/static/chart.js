// A line of numbers as a small drawing with its range in words: enough to see a trend; figures.html has the real ones.
"use strict";
(function () {
  const NS = "http://www.w3.org/2000/svg";
  const WIDTH = 320;
  const HEIGHT = 90;
  const EDGE = 4;

  function svg(tag, attributes, ...children) {
    const element = document.createElementNS(NS, tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
  }

  // `points`: [x, y] in order, y may be null; `at`: the x that is marked.
  site.chart = function (title, points, digits, at) {
    const known = points.filter(([, y]) => y !== null);
    if (!known.length) return null;
    const xs = known.map(([x]) => x);
    const ys = known.map(([, y]) => y);
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const x = (value) => EDGE + ((value - left) / (right - left || 1)) * (WIDTH - 2 * EDGE);
    const y = (value) => HEIGHT - EDGE - ((value - low) / (high - low || 1)) * (HEIGHT - 2 * EDGE);
    const line = known.map(([a, b]) => x(a).toFixed(1) + "," + y(b).toFixed(1)).join(" ");
    const range = "from " + low.toFixed(digits) + " to " + high.toFixed(digits);
    const said = title + ", steps " + left + " to " + right + ", " + range + ", last " + ys[ys.length - 1].toFixed(digits);
    const marked = known.find(([a]) => a === at);
    const drawing = svg(
      "svg",
      { viewBox: "0 0 " + WIDTH + " " + HEIGHT, role: "img", "aria-label": said },
      svg("polyline", { points: line, class: "line" }),
      ...(marked ? [svg("circle", { cx: x(marked[0]), cy: y(marked[1]), r: 4, class: "now" })] : [])
    );
    const now = marked ? "step " + at + ": " + marked[1].toFixed(digits) : "";
    const caption = site.el("figcaption", {}, site.el("b", {}, title), " ", range, now && site.el("span", {}, now));
    return site.el("figure", { class: "chart" }, drawing, caption);
  };
})();
