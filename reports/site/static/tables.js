// A table that fits its page has a heading that stays in sight; a wider one scrolls sideways and says so.
"use strict";
(function () {

  function measure(box) {
    if (!box.clientWidth) return; // in a folded part
    box.classList.remove("fits");
    const fits = box.scrollWidth <= box.clientWidth + 1;
    box.classList.toggle("fits", fits);
    if (fits) box.removeAttribute("tabindex");
    else box.setAttribute("tabindex", "0");
    const hint = box.previousElementSibling;
    if (hint && hint.classList.contains("hint")) hint.hidden = fits;
  }

  const all = () => document.querySelectorAll(".scroll").forEach(measure);
  all();
  window.addEventListener("resize", all);
  window.addEventListener("load", all);
  document.addEventListener("toggle", all, true);
})();
