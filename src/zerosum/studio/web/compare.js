// Compare: runs side by side, from the same seeds.
import { chart } from "./chart.js";
import { api, careful, figure, fill, h, latest } from "./dom.js";
import { samples } from "./play.js";

const PICTURES = 16, POINTS = 200, ROWS = 8, FACTS = new Set(["round", "examples", "seconds"]);

export async function compare(target, names, runs) {
  const chosen = names.split(",").filter(Boolean);
  const go = (list) => (location.hash = `#/compare/${list.join(",")}`);
  const others = runs.filter((run) => !chosen.includes(run.name) && run.state !== "damaged");
  const add = h("select", { id: "add", "aria-label": "Add a run", onchange: () => add.value && go([...chosen, add.value]) }, h("option", { value: "" }, "Add a run…"), others.map((run) => h("option", { value: run.name }, run.name)));
  const seed = h("input", { type: "number", min: 0, value: 0, id: "seed", style: { width: "7rem" } });
  const found = await Promise.all(chosen.map(async (name) => ({ name, ...(await api(`runs/${name}`)), rows: await api(`runs/${name}/stats`) })));
  const shown = found.map(() => h("div"));
  const draw = latest(async () => {
    await Promise.all(found.map(async (run, i) => fill(shown[i], await drawn(run, Math.max(0, Number(seed.value) || 0)).catch((error) => h("p.soft", error.message)))));
  });
  seed.oninput = draw;
  const wide = found.length > 2 ? "span4" : "span6";
  fill(
    target,
    h("div.row.apart", h("h1", "Side by side"), h("div.row", h("label.row", "Seed", h("div", seed)), h("div", add))),
    h("div.grid", found.map((run, i) => h(`section.panel.${wide}`, h("div.row.apart", h("h2", h("span.key", { style: { background: `var(--c${i % 8})` } }), " ", run.name), found.length > 1 && h("button.quiet", { "aria-label": `Leave out ${run.name}`, onclick: () => go(chosen.filter((n) => n !== run.name)) }, "✕")), h("p.soft", `${run.game} on ${run.data}, ${figure(run.rounds)} rounds`), shown[i]))),
    cards(found),
    curves(found),
  );
  draw();
}

/** Pictures, points over real ones, or a few rows of a table. */
async function drawn({ name, kind, pictures }, seed) {
  if (kind === "pair") return h("div.stage", h("img", { src: `/api/runs/${name}/pictures/${pictures.at(-1)}`, alt: "what it made of held-out examples; no seed is drawn" }));
  return samples(name, { n: kind === "plane" ? POINTS : kind === "image" ? PICTURES : ROWS, seed }, kind === "plane");
}

/** A line a metric, a column a run; the best stands out where runs were measured alike. */
function cards(found) {
  const all = new Map();
  found.forEach((run, i) => (run.metrics?.cards || []).forEach((card) => all.set(card.name, Object.assign(all.get(card.name) || { better: card.better }, { [i]: card }))));
  if (!all.size)
    return h("section.panel", { style: { "margin-top": "1.1rem" } }, h("h2", "Metrics"), h("p.soft", "None of them has been measured. "), h("div.row", found.map((run) => h("button", { onclick: careful(async (event) => ((event.currentTarget.disabled = true), await api(`runs/${run.name}/evaluate`, {}))) }, `Evaluate ${run.name}`))));
  const best = (row) => {
    const given = found.map((_, i) => row[i]?.value).filter((v) => v !== undefined && v !== null);
    return given.length > 1 ? Math[row.better === "lower" ? "min" : "max"](...given) : null;
  };
  return h(
    "section.panel",
    { style: { "margin-top": "1.1rem" } },
    h("h2", "Metrics"),
    h("div.wide", h("table", h("tr", h("th", "metric"), found.map((run) => h("th", run.name)), h("th", "real data"), h("th", "better")), [...all].map(([metric, row]) => h("tr", h("td", metric), found.map((_, i) => h(row[i] && row[i].value === best(row) ? "td.best" : "td", row[i] ? `${figure(row[i].value)}${row[i].spread === null ? "" : ` ± ${figure(row[i].spread)}`}` : "–")), h("td", figure(Object.values(row).find((c) => c?.floor !== undefined)?.floor)), h("td", row.better))))),
  );
}

/** A chart a term that any of them has; the score first. */
function curves(found) {
  const terms = [...new Set(found.flatMap((run) => run.rows.flatMap((row) => Object.keys(row))))].filter((key) => !FACTS.has(key));
  terms.sort((a, b) => (b === "score") - (a === "score"));
  return h(
    "div.grid",
    terms.map((term) => {
      const made = chart();
      made.show(found.map((run, i) => ({ name: run.name, ink: `c${i % 8}`, points: run.rows.filter((row) => term in row).map((row) => [row.round, row[term]]) })).filter((line) => line.points.length));
      return h("section.panel.span6", h("h2", term === "score" ? "Distance to held-out data" : term), made);
    }),
  );
}
