// Judge: people say real or fake (HYPE, Zhou et al. 2019).
import { api, careful, fill, h } from "./dom.js";

const MASK_FRAMES = 5, MASK_MS = 30; // Sec. 3.1: what was seen is masked, so that no afterimage is judged

export async function judge(target, name) {
  const shown = h("div"), state = { over: false, answer: null };
  const who = h("input", { id: "judge", value: localStorage.getItem("judge") || "", placeholder: "your name", maxLength: 60 });
  const count = h("input", { type: "number", id: "count", min: 4, max: 400, value: 20 });
  const mode = h("select", { id: "mode" }, h("option", { value: "infinity" }, "all the time you want (HYPE∞)"), h("option", { value: "time" }, "a glance, ever shorter (HYPE-time)"));
  const open = (await api(`judge/sessions?run=${name}`)).filter((s) => !s.finished);
  const begin = careful(async (session) => {
    localStorage.setItem("judge", who.value);
    const turn = session ?? (await api("judge/sessions", { run: name, mode: mode.value, judge: who.value.trim() || "anonymous", n: Number(count.value), seed: Math.floor(Math.random() * 2 ** 31) }));
    await sit(target, turn, state);
  });
  fill(
    target,
    h("h1", "Can you tell them apart?"),
    h("p.soft", `Half of the pictures are real, half were made by ${name}. Say which is which. You are not told whether you were right until the end.`),
    h(
      "section.panel",
      { style: { "margin-top": "1.1rem" } },
      h("div.fields", h("label.field", h("span", "Judge"), who), h("label.field", h("span", "Pictures"), count, h("small.soft", "a few scrambled ones come on top, to see that you look")), h("label.field", h("span", "Time"), mode)),
      h("div.row", { style: { "margin-top": "1rem" } }, h("button.primary", { id: "begin", onclick: () => begin() }, "Begin"), open.map((s) => h("button", { onclick: () => begin(s) }, `Go on as ${s.judge} (${s.trial} of ${s.of})`))),
    ),
    shown,
  );
  await results(shown, name);
  return () => {
    state.over = true;
    state.answer?.(null);
  };
}

async function results(target, name) {
  const scores = await api(`judge/scores/${name}`);
  if (!scores.length) return;
  const rows = scores.flatMap((s) => [
    h("tr", h("td", h("b", s.mode === "infinity" ? "HYPE∞" : "HYPE-time")), h("td", `${s.judges} ${s.judges === 1 ? "judge" : "judges"}${s.left_out ? `, ${s.left_out} left out` : ""}`), h("td", h("b", value(s))), h("td", span(s)), h("td", percent(s.errors_on_real)), h("td", percent(s.errors_on_fake)), h("td", s.n)),
    ...s.each.map((e) => h("tr", h("td"), h("td", e.judge, e.attentive ? "" : h("small.soft", " (failed the checks)")), h("td", value(e)), h("td", span(e)), h("td", percent(e.errors_on_real)), h("td", percent(e.errors_on_fake)), h("td", e.n))),
  ]);
  target.append(
    h(
      "section.panel",
      { style: { "margin-top": "1.1rem" } },
      h("div.row.apart", h("h2", "Scores so far"), h("a", { href: `/api/judge/answers.csv?run=${name}` }, "all answers as CSV")),
      h("div.wide", h("table", { id: "scores" }, h("tr", ["", "", "score", "95% interval", "real taken for fake", "fake taken for real", "answers"].map((t) => h("th", t))), rows)),
    ),
  );
}

const percent = (v) => (v === null ? "–" : `${(100 * v).toFixed(0)}%`);
const value = (s) => (s.score === null ? "–" : s.mode === "infinity" ? percent(s.score) : `${Math.round(s.score)} ms`);
const span = (s) => (s.interval ? (s.mode === "infinity" ? `${percent(s.interval[0])} to ${percent(s.interval[1])}` : `${Math.round(s.interval[0])} to ${Math.round(s.interval[1])} ms`) : "–");

/** One session, to its end, or until `state.over`. */
async function sit(target, turn, state) {
  document.body.classList.add("focus");
  const screen = h("div.screen"), said = h("p.soft", { id: "turn" });
  const real = h("button.choice", { id: "real", disabled: true }, "Real ", h("kbd", "R")), fake = h("button.choice", { id: "fake", disabled: true }, "Fake ", h("kbd", "F"));
  fill(target, h("div.theatre", said, screen, h("div.row", real, fake), h("button.quiet", { onclick: () => (location.hash = `#/watch/${turn.run}`) }, "Leave; you can go on later")));
  const answer = (word) => state.answer?.(word);
  real.onclick = () => answer("real");
  fake.onclick = () => answer("fake");
  const keys = (event) => ({ r: () => answer("real"), f: () => answer("fake") })[event.key.toLowerCase()]?.();
  window.addEventListener("keydown", keys);
  try {
    let next = load(turn);
    while (!turn.finished && !state.over) {
      const image = await next;
      said.textContent = `${turn.trial + 1} of ${turn.of}`;
      const shown = await present(screen, image, turn.exposure_ms);
      if (state.over) return;
      real.disabled = fake.disabled = false;
      const began = performance.now();
      const word = await new Promise((resolve) => (state.answer = resolve));
      state.answer = null;
      if (word === null) return;
      real.disabled = fake.disabled = true; // until the next picture is there
      const trial = turn.trial;
      if (trial + 1 < turn.of) next = load({ ...turn, trial: trial + 1 });
      turn = await api(`judge/sessions/${turn.session}/answers`, { trial, said: word, shown_ms: shown, took_ms: performance.now() - began });
    }
  } finally {
    window.removeEventListener("keydown", keys);
  }
  if (turn.finished && !state.over) verdict(target, turn);
}

async function load(turn) {
  const image = new Image();
  image.src = `/api/judge/sessions/${turn.session}/pictures/${turn.trial}`;
  await image.decode();
  return image;
}

const frame = () => new Promise(requestAnimationFrame);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Show a picture, for `ms` or until answered; afterwards a mask. Returns how long it was on, by the screen's frames. */
async function present(screen, image, ms) {
  image.alt = "real or fake?";
  if (ms === null) {
    fill(screen, image);
    return null;
  }
  fill(screen, h("span", { style: { color: "#fff", "font-size": "2rem" } }, "+"));
  await pause(400);
  fill(screen, image);
  const began = await frame();
  let now = began;
  while (now - began < ms - 8) now = await frame(); // half a frame early, for the next one takes it away
  const mask = h("canvas", { width: 32, height: 32 });
  fill(screen, mask);
  const taken = performance.now();
  for (let i = 0; i < MASK_FRAMES; i++) {
    noise(mask);
    await pause(MASK_MS);
  }
  fill(screen, h("span", { style: { color: "#888", "font-size": "2rem" } }, "?"));
  return taken - began;
}

function noise(canvas) {
  const c = canvas.getContext("2d"), image = c.createImageData(32, 32);
  for (let i = 0; i < image.data.length; i += 4) {
    image.data[i] = image.data[i + 1] = image.data[i + 2] = Math.random() * 256;
    image.data[i + 3] = 255;
  }
  c.putImageData(image, 0, 0);
}

function verdict(target, turn) {
  document.body.classList.remove("focus");
  const s = turn.result;
  const meaning = s.mode === "infinity" ? "of your answers were wrong. At 50% nobody can tell the pictures apart; above it they look more real than the real ones." : "is how long you need to see a picture to be right three times in four. The longer, the better the model.";
  fill(
    target,
    h(
      "div.theatre",
      h("h1", "Your score"),
      h("div", h("div.score", { id: "score" }, value(s)), h("p.soft", s.interval ? `95% interval ${span(s)}` : "")),
      h("p", { style: { "max-width": "34rem" } }, value(s), " ", meaning),
      h("div.facts", h("div", h("b", percent(s.errors_on_real)), h("span", "real taken for fake")), h("div", h("b", percent(s.errors_on_fake)), h("span", "fake taken for real")), h("div", h("b", s.n), h("span", "answers"))),
      !turn.attentive && h("p", { style: { color: "var(--warn)" } }, "You took scrambled pictures for real ones, so your answers are left out of the pooled score."),
      h("button.primary", { id: "again", onclick: () => window.dispatchEvent(new Event("hashchange")) }, "All scores"),
    ),
  );
}
