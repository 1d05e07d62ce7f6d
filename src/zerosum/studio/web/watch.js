// Watch: a run as it learns.
import { chart, plane } from "./chart.js";
import { api, ask, careful, duration, figure, fill, h, toast } from "./dom.js";
import { STATES } from "./app.js";

const FACTS = new Set(["round", "examples", "seconds"]);
const WORDS = { G: "Generator", D: "Discriminator", score: "Distance to held-out data" };

export async function watch(target, name) {
  const run = await api(`runs/${name}`);
  let summary = run, readings = await api(`runs/${name}/stats`), known = [], unheard = [];
  const charts = new Map(), curves = h("div.grid"), judges = new Map();
  const head = h("section.panel"), doctor = h("section.panel.span4"), stage = h("section.panel.span8"), judged = h("section.panel.span4", { hidden: true }), measured = h("section.panel.span4", { hidden: true });
  const side = h("div.span4", { style: { display: "grid", gap: "1.1rem", "align-content": "start" } }, doctor, judged, measured);
  const ratios = h("img.tall", { alt: "features of generated and of real events, with their ratios" }), drawing = h("p.soft", "Being drawn…");
  ratios.onload = () => (drawing.hidden = true);
  ratios.onerror = () => (drawing.textContent = "They could not be drawn: the data of this run is not to be had.");
  const events = h("section.panel", { hidden: true, style: { "margin-top": "1.1rem" } }, h("h2", "Events beside real ones"), h("p.soft", "Each feature, and below it generated over real; drawn anew at every checkpoint."), drawing, h("div.stage", ratios));
  const panels = () => {
    events.hidden = summary.kind !== "events";
    if (!events.hidden) ratios.src = `/api/runs/${name}/panels?round=${summary.saved}`;
  };
  fill(target, head, h("div.grid", stage, side), events, curves);

  const scrubber = scrub(name, stage, () => summary.kind);

  const actions = h("div.row"), bar = h("progress", { "aria-label": "rounds played" }), facts = h("div.facts"), words = h("pre", { hidden: true });
  fill(head, h("div.row.apart", h("div", h("h1", name), h("p.soft", `${run.game} on ${run.data}`)), actions), bar, facts, words);
  let drawn = "";
  function header() {
    const s = summary, left = s.speed && s.state === "playing" ? (s.planned - s.rounds) / s.speed : NaN;
    const now = [s.state, s.job, s.measuring, s.saved > 0].join();
    if (now !== drawn) buttons(s); // only then, or a button would be replaced under the finger
    drawn = now;
    bar.max = s.planned || 1;
    bar.value = s.rounds;
    fill(
      facts,
      fact(`${figure(s.rounds)} of ${figure(s.planned)}`, "rounds"),
      fact(s.speed ? `${figure(s.speed)}/s` : "–", "rounds a second"),
      s.state === "playing" && fact(duration(left), "left"),
      fact(duration(s.seconds), "trained"),
      fact(figure(s.examples), "real examples shown"),
      fact(figure(readings.findLast((row) => "score" in row)?.score), "distance to held-out data"),
    );
    words.hidden = s.state !== "failed" || !s.said;
    words.textContent = s.said || "";
  }
  function buttons(s) {
    const act = (verb) => careful(() => api(`jobs/${s.job}/${verb}`, {}));
    const mine = s.job !== null && ["playing", "paused", "starting"].includes(s.state), can = ["stopped", "finished", "failed"].includes(s.state) && s.saved > 0;
    fill(
      actions,
      h("span.pill", { id: "state" }, h(`span.dot.${s.state}`), STATES[s.state]),
      mine && s.state === "playing" && h("button", { id: "pause", onclick: act("pause") }, "Pause"),
      mine && s.state === "paused" && h("button.primary", { id: "continue", onclick: act("continue") }, "Continue"),
      mine && h("button", { id: "stop", onclick: act("stop"), title: "Finishes the round, saves and ends" }, "Stop and save"),
      can && h("button", { id: "resume", onclick: careful(() => resume(summary)) }, s.saved >= s.planned ? "Train on" : "Resume"),
      can && h("button", { id: "evaluate", disabled: s.measuring, onclick: careful(async () => (await api(`runs/${name}/evaluate`, {}), toast("Measuring: the cards appear here and under Compare", true))) }, s.measuring ? "Measuring…" : "Evaluate"),
    );
  }
  const resume = async (s) => {
    if (s.saved < s.planned) return api(`runs/${name}/resume`, {});
    const rounds = await ask("How many rounds shall it have in all?", 2 * s.planned, s.saved + 1, "Train on");
    return rounds === null ? null : api(`runs/${name}/resume`, { rounds });
  };

  function draw() {
    const terms = [...new Set(readings.flatMap((row) => Object.keys(row)))].filter((key) => !FACTS.has(key));
    const groups = Map.groupBy(terms, (key) => key.split("/")[0]);
    for (const [group, keys] of groups) {
      if (!charts.has(group)) {
        const made = chart();
        charts.set(group, made);
        curves.append(h("section.panel.span6", h("h2", WORDS[group] || group), made));
      }
      charts.get(group).show(
        keys.map((key, i) => ({ name: key.split("/").slice(1).join("/") || key, ink: `c${i % 8}`, points: readings.filter((row) => key in row).map((row) => [row.round, row[key]]) })),
      );
    }
  }

  async function diagnose() {
    const { findings, examined, metrics } = await api(`runs/${name}`);
    measured.hidden = !metrics?.cards?.length;
    if (!measured.hidden) fill(measured, h("h2", "Measured"), h("div.wide", h("table", { id: "cards" }, h("tr", ["metric", "here", "real data"].map((t) => h("th", t))), metrics.cards.map((card) => h("tr", h("td", card.name), h("td", `${figure(card.value)}${card.spread === null ? "" : ` ± ${figure(card.spread)}`}`), h("td", figure(card.floor)))))));
    fill(
      doctor,
      h("h2", "Doctor"),
      findings.length
        ? findings.map((f) => h(`div.finding.${f.severity}`, h("b", f.name.replaceAll("_", " ")), h("small", ` since round ${figure(f.since_round)}`), h("p", f.says), evidence(f.evidence), f.remedy?.length > 0 && h("p", h("b", "Try "), [f.remedy].flat().map((r, i) => [i ? " or " : "", /^(--|zerosum )/.test(r) ? h("code", r) : r]))))
        : h("p.soft", examined ? "No complaints." : "Has not looked at this run."),
    );
  }

  async function moments(rounds) {
    const fresh = rounds.filter((round) => !known.includes(round));
    known = rounds;
    await Promise.all(
      fresh.map(async (round) => {
        const moment = await api(`runs/${name}/moments/${round}`).catch(() => null);
        for (const [judge, said] of Object.entries(moment?.judges || {})) judges.set(judge, [...(judges.get(judge) || []), [round, said]]);
        if (moment?.plane) scrubber.plane(round, moment.plane);
        if (moment) unheard = moment.unheard;
      }),
    );
    if (fresh.length) opinions();
  }

  /** A chart a discriminator: middle and spread of what it says of real and of fake. */
  const opinionCharts = new Map(), silent = h("p.soft", { id: "unheard" });
  function opinions() {
    judged.hidden = !judges.size && !unheard.length;
    for (const [judge, said] of [...judges].sort()) {
      if (!opinionCharts.has(judge)) opinionCharts.set(judge, chart({ height: 180 }));
      said.sort((a, b) => a[0] - b[0]);
      const middle = (q) => q[q.length >> 1], band = (kind) => said.map(([r, s]) => [r, s[kind][3], s[kind].at(-4)]);
      opinionCharts.get(judge).show(["real", "fake"].map((kind) => ({ name: kind, ink: kind, points: said.map(([r, s]) => [r, middle(s[kind])]), band: band(kind) })));
    }
    const missing = unheard.filter((judge) => !judges.has(judge));
    silent.textContent = missing.length ? `Of ${missing.join(" and ")} nothing is shown: it has not been asked about plain examples and fakes.` : "";
    const names = [...opinionCharts.keys()].sort(), all = names.flatMap((judge) => [names.length > 1 && h("h3", judge), opinionCharts.get(judge)]).filter(Boolean);
    const title = names.length > 1 ? "What the discriminators think" : "What D thinks";
    if (judged.dataset.names !== [names, missing].join("|")) fill(judged, h("h2", title), names.length > 0 && h("p.soft", "Logits on real and generated examples: middle and spread. Where the two meet, they cannot be told apart."), all, silent);
    judged.dataset.names = [names, missing].join("|");
  }

  header();
  draw();
  scrubber.pictures(run.pictures);
  diagnose().catch(() => {});
  panels();
  api(`runs/${name}/moments`).then(moments, () => {});

  const source = new EventSource(`/api/runs/${name}/events?since=${readings.at(-1)?.round ?? -1}`);
  let checked = run.saved;
  source.onmessage = careful(async (event) => {
    const news = JSON.parse(event.data), before = summary;
    summary = news.run;
    if (before.measuring && !summary.measuring) {
      diagnose().catch(() => {});
      if (summary.unmeasured) toast(summary.unmeasured);
    }
    if (news.readings.length) {
      readings = [...readings.filter((row) => row.round < news.readings[0].round), ...news.readings];
      draw();
    }
    header();
    scrubber.pictures(summary.pictures);
    if (summary.saved !== checked) {
      checked = summary.saved;
      panels();
      diagnose().catch(() => {});
    }
    await moments(news.moments);
  });
  return () => source.close();
}

/** What a finding rests on: names with their figures. */
function evidence(given) {
  if (!given || (typeof given === "object" && !Object.keys(given).length)) return null;
  const one = (v) => (Array.isArray(v) ? v.map(one).join(" / ") : typeof v === "number" ? figure(v) : String(v));
  const text = typeof given === "string" ? given : Object.entries(given).map(([k, v]) => `${k} ${one(v)}`).join(", ");
  return h("p", h("small.soft", text));
}

const fact = (value, label) => h("div", h("b", value), h("span", label));

/** Samples through time: pictures, or the plane. It follows the newest until somebody takes the slider. */
function scrub(name, stage, kind) {
  let rounds = [], planes = new Map(), follow = true, timer = null;
  const image = h("img", { alt: "samples, as of this round" }), map = plane(), box = h("div.stage", image), said = h("span");
  const slider = h("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "round of the samples", id: "scrubber" });
  const title = h("h2", "Samples through time"), note = h("p.soft", "The same latents, round after round.");
  const button = h("button", { id: "film", title: "Play from the beginning", "aria-label": "Play from the beginning" }, "▶");
  fill(stage, h("div.row.apart", title, h("a", { href: `/api/runs/${name}/pictures/reals`, target: "_blank" }, "real ones")), note, box, h("div.scrub", button, slider, said));

  const list = () => (planes.size ? [...planes.keys()].sort((a, b) => a - b) : rounds);
  function paint() {
    const all = list(), at = all[Math.min(all.length - 1, Number(slider.value))];
    if (at === undefined) return;
    said.textContent = `round ${at.toLocaleString("en")}`;
    slider.setAttribute("aria-valuetext", said.textContent);
    if (planes.size) {
      if (map.parentNode !== box) {
        fill(box, map);
        title.textContent = "The game in the plane";
        const ground = planes.get(at).heat ? " The ground is what D takes for real and for fake; arrows are its gradient, along which G is pulled." : " D is asked about more than points, so it has no map here.";
        fill(note, "Real points ", h("b", { style: { color: "var(--real)" } }, "green"), ", generated ones ", h("b", { style: { color: "var(--fake)" } }, "orange"), ".", ground);
      }
      return map.show(planes.get(at));
    }
    image.src = `/api/runs/${name}/pictures/${at}`;
    image.className = kind() === "image" ? "pixels" : ""; // what has letters in it is better smooth
    if (kind() === "pair") {
      title.textContent = "Translations through time";
      note.textContent = "The same held-out examples, round after round.";
    }
  }
  function update() {
    const all = list();
    slider.max = Math.max(0, all.length - 1);
    if (follow) slider.value = slider.max;
    paint();
  }
  slider.oninput = () => {
    follow = Number(slider.value) === Number(slider.max);
    paint();
  };
  button.onclick = () => {
    clearInterval(timer);
    slider.value = 0;
    follow = false;
    paint();
    timer = setInterval(() => {
      if (Number(slider.value) >= Number(slider.max) || !slider.isConnected) return (clearInterval(timer), (follow = true));
      slider.value = Number(slider.value) + 1;
      paint();
    }, 350);
  };
  return {
    pictures(found) {
      if (found.join() === rounds.join()) return;
      rounds = found;
      if (!planes.size) update();
    },
    plane(round, moment) {
      planes.set(round, moment);
      update();
    },
  };
}
