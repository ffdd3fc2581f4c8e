// Light, dark, or as the system has it; remembered where the browser lets a file remember.
"use strict";
(function () {
  const NAMES = { auto: "◐ Auto", light: "○ Light", dark: "● Dark" };
  const SAID = { auto: "as the system has them", light: "light", dark: "dark" };
  const ORDER = ["auto", "light", "dark"];

  function remembered() {
    try {
      const name = localStorage.getItem("anatomy-r1-theme");
      return ORDER.includes(name) ? name : "auto";
    } catch (_) {
      return "auto"; // storage may be off for files
    }
  }

  function remember(name) {
    try {
      localStorage.setItem("anatomy-r1-theme", name);
    } catch (_) {
      // the choice then holds for this page alone
    }
  }

  function show(name) {
    document.documentElement.dataset.theme = name;
    const button = document.getElementById("theme");
    if (button) {
      button.textContent = NAMES[name];
      button.setAttribute("aria-label", "Colours: " + SAID[name] + ". Change");
    }
  }

  show(remembered()); // before the body is drawn
  document.addEventListener("DOMContentLoaded", function () {
    show(remembered());
    document.getElementById("theme").addEventListener("click", function () {
      const next = ORDER[(ORDER.indexOf(document.documentElement.dataset.theme) + 1) % ORDER.length];
      remember(next);
      show(next);
    });
  });
})();
