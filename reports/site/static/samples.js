// The sample viewer: filters and the address in step with each other, the list of what passes, one sample in full.
"use strict";
(function () {
  const index = site.delivered("index");
  const form = document.getElementById("filters").elements;
  const box = document.getElementById("sample");
  const reasons = new Map(index.reasons);
  const ALL = "*";
  const FIELDS = ["benchmark", "model", "seed", "method", "other", "category", "show", "find", "in"];
  const list = site.list(document.getElementById("list"), drawn, chosen);
  let questions = [];
  let question = ""; // id of the one that is shown
  let shownMethod = ""; // its method, where the list has several
  let turn = 0; // of whoever asked last: earlier answers that come late are dropped

  const values = () => Object.fromEntries(FIELDS.map((name) => [name, form[name].value]));
  const titled = (name) => (index.models.find(([model]) => model === name) || [name, name])[1];

  // Every select in turn offers what there is under the ones before it.
  function offer(wanted) {
    const benchmarks = index.benchmarks.map((one) => [one.name, one.title]);
    const benchmark = site.choose(form.benchmark, benchmarks, wanted.benchmark);
    const here = index.cells.filter((cell) => cell.benchmark === benchmark);
    const model = site.choose(form.model, site.distinct(here, "model", (cell) => titled(cell.model)), wanted.model);
    const ofModel = here.filter((cell) => cell.model === model);
    const seeds = site.distinct(ofModel, "seed").sort((a, b) => a[0] - b[0]);
    const seed = Number(site.choose(form.seed, seeds, wanted.seed));
    const methods = site.distinct(cells(benchmark, model, seed), "method", (cell) => cell.title);
    site.choose(form.method, [...methods, [ALL, "all methods"]], wanted.method);
    site.choose(form.other, [["", "nothing"], ...methods.filter(([name]) => name !== form.method.value)], wanted.other);
  }

  const cells = (benchmark, model, seed) =>
    index.cells.filter((cell) => cell.benchmark === benchmark && cell.model === model && cell.seed === seed);

  function offerCategories(wanted) {
    const names = Array.from(new Set(questions.map((one) => one[2]))).sort();
    site.choose(form.category, [["", "all"], ...names.map((name) => [name, name])], wanted);
  }

  async function loaded(some) {
    const marks = await Promise.all(some.map((cell) => site.need(cell.shard)));
    return some.map((cell, place) => ({ ...cell, marks: marks[place] }));
  }

  // The same with their texts, which are needed only to find words in responses.
  async function searched(some) {
    const cells = await loaded(some);
    if (form.in.value !== "responses" || !form.find.value.trim()) return cells;
    const texts = await Promise.all(cells.map((cell) => (cell.texts ? site.need(cell.texts) : null)));
    return cells.map((cell, place) => ({ ...cell, said: texts[place] }));
  }

  function drawn(item) {
    const [id, , category, , stem] = questions[item.place];
    const many = form.method.value === ALL;
    return [
      site.el("span", { class: "row-text" }, stem || id),
      site.el("span", { class: "row-about" }, [many ? item.cell.title : category, id].join(" · ")),
      site.el("span", { class: "row-marks" }, site.marks(item.one), item.other ? site.marks(item.other) : null),
    ];
  }

  async function update(wanted) {
    const mine = ++turn;
    offer(wanted);
    const now = values();
    const benchmark = index.benchmarks.find((one) => one.name === now.benchmark);
    const all = cells(now.benchmark, now.model, Number(now.seed));
    const picked = now.method === ALL ? all : all.filter((cell) => cell.method === now.method);
    const [rows, first, other] = await Promise.all([
      site.need(benchmark.shard),
      searched(picked),
      loaded(all.filter((cell) => cell.method === now.other)),
    ]);
    if (mine !== turn) return;
    questions = rows;
    offerCategories(wanted.category);
    const found = site.samples(questions, first, other[0], values());
    count(found.length, first);
    const at = found.findIndex((item) => isShown(item));
    list.set(found, at);
    if (at >= 0) await show(found[at]);
    else if (!question && found.length) list.choose(0, false);
    else if (question) await showOutside(first[0], other[0]);
    else say("No sample passes the filters");
    write();
  }

  const isShown = (item) =>
    questions[item.place][0] === question && (!shownMethod || item.cell.method === shownMethod);

  // A sample that the address names and the filters leave out is shown all the same.
  async function showOutside(cell, other) {
    const place = questions.findIndex((one) => one[0] === question);
    const one = place < 0 || !cell ? null : site.outcome(cell.marks, place);
    if (one) await show({ cell: cell, place: place, one: one, other: other ? site.outcome(other.marks, place) : null });
    else say("No such sample here");
  }

  function say(text) {
    box.replaceChildren(site.el("h2", { id: "sample-title" }, text));
    box.setAttribute("aria-busy", "false");
  }

  function count(number, some) {
    const samples = site.count(number) + (number === 1 ? " sample" : " samples");
    const lacking = site.needsOther(form.show.value) && !form.other.value ? " Flips need a second method: choose one." : "";
    const total = some.length * questions.length;
    document.getElementById("count").textContent =
      samples + " of " + site.count(total) + " (" + site.count(total * 5) + " responses)." + lacking;
  }

  async function chosen(item, enter) {
    question = questions[item.place][0];
    shownMethod = form.method.value === ALL ? item.cell.method : "";
    write();
    await show(item);
    if (enter) box.focus();
  }

  async function show(item) {
    const mine = turn;
    const wanted = question;
    const all = await loaded(cells(form.benchmark.value, form.model.value, Number(form.seed.value)));
    const others = item.other ? all.filter((cell) => cell.method === form.other.value) : [];
    const sides = [item.cell, ...others];
    const texts = await Promise.all(sides.map((cell) => (cell.texts ? site.need(cell.texts) : null)));
    if (mine !== turn || wanted !== question) return;
    site.showSample(
      box,
      {
        question: questions[item.place],
        benchmark: index.benchmarks.find((one) => one.name === form.benchmark.value),
        link: site.hash.link(address()),
        place: item.place,
        sides: sides.map((cell, side) => ({ cell: cell, one: side ? item.other : item.one, texts: texts[side] })),
        elsewhere: all.map((cell) => ({
          title: cell.title,
          one: site.outcome(cell.marks, item.place),
          here: cell.method === item.cell.method,
          link: site.hash.link({ ...address(), method: cell.method, of: "" }),
        })),
      },
      reasons
    );
  }

  function address() {
    const now = values();
    const plain = { ...now, show: now.show === "all" ? "" : now.show };
    return { ...plain, question: question, of: shownMethod };
  }

  const write = () => site.hash.write(address());

  function fromAddress() {
    const hash = site.hash.read();
    const wanted = Object.fromEntries(FIELDS.map((name) => [name, hash.get(name) || ""]));
    question = hash.get("question") || "";
    shownMethod = hash.get("of") || "";
    form.show.value = wanted.show || "all";
    if (!form.show.value) form.show.value = "all";
    form.find.value = wanted.find;
    form.in.value = wanted.in;
    if (form.in.selectedIndex < 0) form.in.value = "";
    return update(wanted);
  }

  document.getElementById("filters").addEventListener("input", () => update(values()).catch(site.failed));
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", () => fromAddress().catch(site.failed));
  fromAddress().catch(site.failed);
})();
