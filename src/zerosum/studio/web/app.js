// The frame: which view is shown of which run, and the list of runs.
import { compare } from "./compare.js";
import { api, careful, fill, h } from "./dom.js";
import { judge } from "./judge.js";
import { play } from "./play.js";
import { reference } from "./reference.js";
import { start } from "./start.js";
import { watch } from "./watch.js";

const VIEWS = { watch, play, judge, compare };
const OTHERS = { new: start, api: reference };
const LABELS = { watch: "Watch", play: "Play", judge: "Judge", compare: "Compare" };
const view = document.getElementById("view"), list = document.getElementById("runs"), tabs = document.getElementById("tabs");
let runs = [], leave = null, place = { what: "watch", name: "" };

export const STATES = { playing: "training", elsewhere: "training elsewhere", starting: "starting", paused: "paused", stopping: "saving", stopped: "stopped", finished: "finished", failed: "failed", damaged: "damaged" };

function where() {
  const [, what = "watch", name = ""] = location.hash.split("/");
  return { what: what in VIEWS || what in OTHERS ? what : "watch", name: decodeURIComponent(name) };
}

let showing = 0;
async function show() {
  const mine = ++showing;
  place = where();
  leave?.();
  leave = null;
  document.body.classList.remove("focus");
  if (place.what in VIEWS && !place.name && runs.length) return location.replace(`#/${place.what}/${runs[0].name}`);
  frame();
  list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  const target = h("div"); // its own, so that a view that comes late draws over nothing
  fill(view, target);
  scrollTo(0, 0);
  if (!(place.what in OTHERS) && !place.name) return welcome(target);
  try {
    const left = place.what in OTHERS ? await OTHERS[place.what](target) : await VIEWS[place.what](target, place.name, runs);
    if (mine === showing) leave = left;
    else left?.();
  } catch (error) {
    fill(target, h("div.empty", h("h1", place.name || "This page"), h("p", { id: "unshown" }, `It cannot be shown here: ${error.message}`)));
  }
}

function welcome(target) {
  fill(
    target,
    h("div.empty", h("h1", "Nothing trained here yet"), h("p.soft", "Choose data and a game, and watch two networks learn from each other."), h("a.button.primary", { href: "#/new" }, "Train the first one")),
  );
}

function frame() {
  const name = place.name || runs[0]?.name || "";
  const kept = place.what === "compare" ? name.split(",")[0] : name;
  fill(
    tabs,
    Object.entries(LABELS).map(([what, label]) => h("a", { href: `#/${what}/${place.what in VIEWS ? kept : runs[0]?.name || ""}`, "aria-current": place.what === what ? "page" : null }, label)),
    h("a", { href: "#/api", "aria-current": place.what === "api" ? "page" : null }, "API"),
  );
  const what = place.what in VIEWS && place.what !== "compare" ? place.what : "watch";
  const made = runs.map((run) => entry(run, what));
  if (!runs.length) fill(list, h("p.soft", "None yet."));
  else if (made.length !== list.children.length || made.some((element, i) => list.children[i] !== element)) fill(list, made);
}

/** A run in the list. Its element stays the same while it changes, so that no click or focus is lost. */
const entries = new Map();
function entry(run, what) {
  if (!entries.has(run.name)) {
    const image = h("img.thumb", { alt: "", width: 46, height: 46, loading: "lazy", hidden: true }), dot = h("span.dot"), said = h("span");
    entries.set(run.name, { element: h("a.run", { title: run.name }, h("div.thumb", image), h("div", h("b", label(run)), h("small.soft", dot, said))), image, dot, said });
  }
  const { element, image, dot, said } = entries.get(run.name);
  element.href = `#/${what}/${run.name}`;
  if (place.name.split(",").includes(run.name)) element.setAttribute("aria-current", "page");
  else element.removeAttribute("aria-current");
  dot.className = `dot ${run.state}`;
  said.textContent = progress(run);
  const source = run.pictures?.length ? `/api/runs/${run.name}/pictures/${run.pictures.at(-1)}` : "";
  image.hidden = !source;
  if (source && image.getAttribute("src") !== source) image.src = source;
  return element;
}

const label = (run) => run.name.replace(/^0*(\d+)-/, "$1 ");
const progress = (run) => (run.state === "damaged" ? "damaged" : `${STATES[run.state]} · ${run.rounds.toLocaleString("en")} of ${run.planned.toLocaleString("en")}`);

/** Ask for the list now and then, and draw it again where it changed. */
let last = "";
async function refresh() {
  try {
    const found = await api("runs");
    const text = JSON.stringify(found.map((run) => [run.name, run.state, run.rounds, run.pictures?.length]));
    const first = !runs.length && found.length;
    runs = found;
    if (text !== last) {
      last = text;
      if (first && place.what in VIEWS && !place.name) await show();
      else frame();
    }
  } catch {
    // The server is being restarted, or has ended; the page stays as it is.
  }
  setTimeout(refresh, document.hidden ? 6000 : 1500);
}

function theme(light) {
  document.documentElement.classList.toggle("light", light);
  localStorage.setItem("theme", light ? "light" : "dark");
  window.dispatchEvent(new Event("theme"));
}

document.getElementById("theme").onclick = () => theme(!document.documentElement.classList.contains("light"));
theme((localStorage.getItem("theme") || (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark")) === "light");
window.addEventListener("hashchange", careful(show));
window.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const what = { w: "watch", p: "play", j: "judge", c: "compare" }[event.key];
  if (event.key === "t") theme(!document.documentElement.classList.contains("light"));
  else if (event.key === "n") location.hash = "#/new";
  else if (what && !document.body.classList.contains("focus")) location.hash = `#/${what}/${(place.name || runs[0]?.name || "").split(",")[0]}`;
});

runs = await api("runs").catch(() => []);
await careful(show)();
refresh();
