// Elements from text alone: nothing that came from data is ever read as HTML.
"use strict";
(function () {
  // An element with attributes and children; strings become text.
  site.el = function (tag, attributes, ...children) {
    const element = document.createElement(tag);
    Object.entries(attributes || {}).forEach(([name, value]) => {
      if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    });
    children.flat().forEach((child) => {
      if (child !== null && child !== undefined) element.append(child);
    });
    return element;
  };

  // The options of a select, with `wanted` chosen where it is among them, else the first.
  site.choose = function (select, options, wanted) {
    const values = options.map(([value]) => String(value));
    select.replaceChildren(...options.map(([value, title]) => site.el("option", { value }, title)));
    select.value = values.includes(String(wanted)) ? wanted : values[0] || "";
    select.disabled = options.length < 2;
    return select.value;
  };

  // The different values of `name` among entries, in their order, with the title of each.
  site.distinct = function (entries, name, title) {
    return Array.from(new Map(entries.map((entry) => [entry[name], title ? title(entry) : String(entry[name])])));
  };

  site.number = (value, digits) => (value === null || value === undefined ? "—" : value.toFixed(digits));
  site.count = (value) => value.toLocaleString("en");

  site.failed = function (error) {
    document.getElementById("count").textContent = error.message;
  };
})();
