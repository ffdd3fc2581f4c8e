// Sorts a table's rows within each of its blocks: numbers from large to small first, then the other way, then as made.
"use strict";
(function () {
  function value(row, column) {
    const cell = row.cells[column];
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    const text = cell.textContent.trim();
    return text === "—" ? null : text;
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === "number") return 1;
    if (typeof b === "number") return -1;
    return a.localeCompare(b, "en", { numeric: true });
  }

  function sortBlock(body, column, direction) {
    const rows = Array.from(body.rows).filter((row) => !row.classList.contains("block"));
    rows.forEach((row, index) => {
      if (row.dataset.place === undefined) row.dataset.place = index;
    });
    const place = (row) => Number(row.dataset.place);
    rows.sort(function (first, second) {
      if (direction === "none") return place(first) - place(second);
      const a = value(first, column);
      const b = value(second, column);
      if (a === null || b === null) return (a === null) - (b === null) || place(first) - place(second); // missing last
      return (direction === "ascending" ? compare(a, b) : compare(b, a)) || place(first) - place(second);
    });
    rows.forEach((row) => body.appendChild(row));
  }

  function next(heading, table, column) {
    const numbers = table.querySelector("tbody tr:not(.block) > :nth-child(" + (column + 1) + ")[data-value]") !== null;
    const order = numbers ? ["none", "descending", "ascending"] : ["none", "ascending", "descending"];
    return order[(order.indexOf(heading.getAttribute("aria-sort") || "none") + 1) % order.length];
  }

  function say(table, heading, direction) {
    const said = document.getElementById("said");
    if (!said) return;
    const how = direction === "none" ? "in the order in which it was made" : "by " + heading.textContent + ", " + direction;
    said.textContent = table.parentElement.getAttribute("aria-label") + ": sorted " + how;
  }

  function prepare(table) {
    const headings = Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells);
    headings.forEach(function (heading, column) {
      heading.setAttribute("aria-sort", "none");
      heading.querySelector("button").addEventListener("click", function () {
        const direction = next(heading, table, column);
        headings.forEach((one) => one.setAttribute("aria-sort", "none"));
        heading.setAttribute("aria-sort", direction);
        Array.from(table.tBodies).forEach((body) => sortBlock(body, column, direction));
        say(table, heading, direction);
      });
    });
  }

  document.querySelectorAll("table[data-sortable]").forEach(prepare);
})();
