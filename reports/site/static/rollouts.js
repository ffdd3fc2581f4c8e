// Training as it was: the steps of a run as lines, and the groups of one step with prompt, responses and rewards.
"use strict";
(function () {
  const index = site.delivered("index");
  const form = document.getElementById("filters").elements;
  const FIELDS = ["benchmark", "model", "method", "seed", "step", "show"];
  const SERIES = [
    ["Mean reward", 1, 2],
    ["Different choices a group", 2, 2],
    ["Entropy of choices, bits", 3, 2],
    ["Share of groups that teach nothing", 4, 2],
    ["Seconds a step", 5, 2],
    ["Tokens sampled so far", 6, 0],
    ["Groups drawn and discarded", 7, 0],
  ];
  const DISCARDED = 7;
  let turn = 0;

  const values = () => Object.fromEntries(FIELDS.map((name) => [name, form[name].value]));
  const benchmark = (name) => index.benchmarks.find((one) => one.name === name) || { title: name, notice: "" };
  const model = (name) => (index.models.find(([known]) => known === name) || [name, name])[1];

  // The one training that the selects name.
  function offer(wanted) {
    let left = index.trainings;
    const titles = { benchmark: (one) => benchmark(one.benchmark).title, model: (one) => model(one.model), method: (one) => one.title };
    ["benchmark", "model", "method", "seed"].forEach(function (name) {
      const picked = site.choose(form[name], site.distinct(left, name, titles[name]), wanted[name]);
      left = left.filter((one) => String(one[name]) === picked);
    });
    return left[0];
  }

  // A group in which all rewards are equal has no advantage and teaches nothing.
  const idle = (group) => new Set(group.members.map((member) => total(member))).size === 1;
  const total = (member) => member[3].reduce((sum, value) => sum + (value || 0), 0);

  const SHOWN = {
    all: () => true,
    teach: (group) => !idle(group),
    idle: idle,
    discarded: (group) => !group.kept,
  };

  function goTo(step) {
    form.step.value = String(step);
    update(values()).catch(site.failed);
  }

  async function update(wanted) {
    const mine = ++turn;
    const training = offer(wanted);
    if (!training) return say("There is no training log with rollouts here.");
    const data = await site.need(training.shard);
    if (mine !== turn) return;
    const steps = Array.from(new Set(data.groups.map((group) => group.step)));
    // Where no step is asked for, one with something to learn: equal rewards show nothing.
    const telling = steps.find((one) => data.groups.some((group) => group.step === one && !idle(group)));
    const step = Number(site.choose(form.step, steps.map((one) => [one, one]), wanted.step || String(telling ?? "")));
    const groups = data.groups.filter((group) => group.step === step);
    const kept = groups.filter(SHOWN[form.show.value] || SHOWN.all);
    const scored = training.scored;
    const last = data.series.length ? data.series[data.series.length - 1][0] : 0;
    document.getElementById("scored").textContent = origin(scored, last);
    const curves = SERIES.filter(([, column]) => column !== DISCARDED || data.series.some((row) => row[DISCARDED] > 0));
    const charts = curves.map(([title, column, digits]) =>
      site.chart(title, data.series.map((row) => [row[0], row[column]]), digits, step, steps, goTo, scored.map(([, at]) => at))
    );
    document.getElementById("charts").replaceChildren(...charts.filter(Boolean));
    document.getElementById("groups").replaceChildren(...kept.map((group) => drawn(group, data.rewards, training)));
    window.dispatchEvent(new Event("resize")); // the new tables are measured
    const discarded = groups.filter((group) => !group.kept).length;
    const lost = discarded ? "; " + discarded + " were drawn and discarded" : "";
    say(kept.length + " of " + groups.length + " groups at step " + step + "; " + groups.filter(idle).length + " teach nothing" + lost + ".");
    site.hash.write({ ...values(), show: form.show.value === "all" ? "" : form.show.value });
  }

  // Which step the tables' scores are of: a training may go on after it, for the arm of equal tokens.
  function origin(scored, last) {
    const parts = scored.map(([arm, at]) => "step " + at + " in the arm " + (arm === "matched" ? "of the same questions" : "of equal tokens"));
    if (!parts.length) return "";
    const further = last > scored[0][1] ? " The rollouts go on to step " + last + ": one training serves both arms." : "";
    return "Scored in the tables (dashed line): the weights after " + parts.join(", and after ") + "." + further;
  }

  function say(text) {
    document.getElementById("count").textContent = text;
  }

  function drawn(group, rewards, training) {
    const different = new Set(group.members.map((member) => member[1])).size;
    const choices = new Set(group.members.map((member) => member[2])).size;
    const facts = [
      group.anatomy,
      group.gold && "right: " + group.gold,
      group.similarity !== null && "S(q) " + site.number(group.similarity, 3),
      group.level !== null && "level " + group.level,
      group.draw > 0 && "further draw " + group.draw,
      different + " different responses, " + choices + " different choices",
    ].filter(Boolean);
    const badges = facts.map((text) => site.el("li", {}, text));
    if (idle(group)) badges.push(site.el("li", { class: "alarm" }, "teaches nothing"));
    if (!group.kept) badges.push(site.el("li", { class: "alarm" }, "drawn and discarded: not learned from"));
    return site.el(
      "section",
      { class: "group", "aria-label": "Group " + (group.group + 1) },
      site.el("h2", {}, "Group " + (group.group + 1) + ": " + group.question),
      site.el("ul", { class: "badges", "aria-label": "About this group" }, badges),
      site.el("div", { class: "asked" }, picture(group, training), prompts(group)),
      members(group, rewards)
    );
  }

  function picture(group, training) {
    if (!group.picture) return site.el("p", { class: "absent" }, benchmark(training.benchmark).notice || "The image is not here.");
    const noisy = group.pictures > 1 ? "Served in " + group.pictures + " versions with noise of their own; this is the original." : "";
    const [width, height] = group.size || [false, false];
    const image = site.el("img", { src: group.picture, width, height, alt: "Image of question " + group.question, loading: "lazy" });
    return site.el("figure", { class: "picture" }, image, noisy && site.el("figcaption", {}, noisy));
  }

  function prompts(group) {
    const title = group.prompts.length > 1 ? group.prompts.length + " prompts as served" : "Prompt as served";
    const asked = (text) => text.slice(Math.max(0, text.lastIndexOf("\nQuestion:\n") + 1));
    const all = group.prompts.map((text, place) =>
      site.el(
        "li",
        {},
        site.el("pre", { class: "said" }, asked(text)),
        site.el("details", {}, site.el("summary", {}, "Whole prompt" + (group.prompts.length > 1 ? " " + (place + 1) : "")), site.el("pre", { class: "said" }, text))
      )
    );
    return site.el("div", {}, site.el("h3", {}, title), site.el("ol", { class: group.prompts.length > 1 ? "prompts" : "prompts one" }, all));
  }

  function members(group, rewards) {
    const several = group.prompts.length > 1;
    const heads = [...(several ? ["Prompt"] : []), "Choice", ...rewards.map((name) => name.replaceAll("_", " ")), "Advantage", "Tokens"];
    const rows = group.members.map(function (member) {
      const [prompt, text, choice, paid, advantage, tokens, cut] = member;
      const cells = [
        ...(several ? [String(prompt + 1)] : []),
        choice || "none",
        ...paid.map((value) => site.number(value, value !== null && Number.isInteger(value) ? 0 : 2)),
        (advantage > 0 ? "+" : "") + site.number(advantage, 3),
        tokens + (cut ? " (cut off)" : ""),
      ];
      return site.el(
        "tr",
        { class: advantage > 0 ? "up" : advantage < 0 ? "down" : false },
        site.el("td", { class: "text" }, site.el("pre", { class: "said" }, text === "" ? "(nothing)" : text)),
        cells.map((value) => site.el("td", {}, value))
      );
    });
    const head = site.el("tr", {}, site.el("th", { scope: "col", class: "text" }, "Response"), heads.map((name) => site.el("th", { scope: "col" }, name)));
    const table = site.el("table", { class: "data plain members" }, site.el("thead", {}, head), site.el("tbody", {}, rows));
    const label = "Responses of group " + (group.group + 1);
    const hint = site.el("p", { class: "hint", hidden: true }, "Wider than this window: scroll sideways →");
    return [hint, site.el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, table)];
  }

  function fromAddress() {
    const hash = site.hash.read();
    form.show.value = hash.get("show") || (Array.from(hash).length ? "all" : "teach");
    if (!form.show.value) form.show.value = "all";
    return update(Object.fromEntries(FIELDS.map((name) => [name, hash.get(name) || ""])));
  }

  document.getElementById("filters").addEventListener("input", () => update(values()).catch(site.failed));
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", () => fromAddress().catch(site.failed));
  fromAddress().catch(site.failed);
})();
