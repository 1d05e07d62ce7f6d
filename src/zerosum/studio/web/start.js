// New run: a form made from the game's typed fields.
import { api, careful, fill, h, notice, toast } from "./dom.js";

const COMMON = ["rounds", "batch", "seed"];
const IDEAS = ["digits", "mnist", "fashion-mnist", "ring8", "grid25", "moons", "swissroll"];

export async function start(target) {
  const [games, sources] = await Promise.all([api("games"), api("sources")]);
  let chosen = "auto", schema = null;
  const fields = { hyperparameters: {}, settings: {}, data: {} };
  const kinds = new Map(sources.map((s) => [s.name, s.kind]));
  const source = h("input", { id: "source", value: "digits", required: true, maxLength: 1000, autocomplete: "off", spellcheck: false });
  source.setAttribute("list", "sources");
  const sourceNotice = notice(source), general = h("p.wrong", { role: "alert", id: "wrong", hidden: true });
  const cards = h("div.cards"), options = h("div"), filter = h("input", { type: "search", placeholder: "Find a game", "aria-label": "Find a game" });
  const go = h("button.primary", { id: "train", type: "submit" }, "Train");

  const pick = careful(async (name) => {
    chosen = name;
    schema = await api(`games/${name}`);
    gallery();
    form();
  });
  function gallery() {
    const word = filter.value.toLowerCase();
    fill(
      cards,
      games
        .filter((g) => !word || `${g.name} ${g.title}`.toLowerCase().includes(word))
        .map((g) => h("button.card", { type: "button", "data-game": g.name, "aria-pressed": String(g.name === chosen), onclick: () => pick(g.name) }, h("b", g.name), h("small.soft", g.year ? `${g.title} ${g.authors}, ${g.year}` : g.title))),
    );
  }
  function form() {
    for (const part of Object.keys(fields)) fields[part] = {};
    const group = (part, names) => h("div.fields", names.map((name) => (fields[part][name] = field(name, schema[part].properties[name])).element));
    const rest = (part) => Object.keys(schema[part].properties).filter((name) => !(part === "settings" && COMMON.includes(name)));
    fill(
      options,
      h("h2", "How long"),
      group("settings", COMMON),
      h("details", h("summary", `The game's own numbers (${chosen})`), chosen === "auto" && h("p.soft", "Left as they are, they are chosen to suit the data."), group("hyperparameters", rest("hyperparameters"))),
      h("details", h("summary", "Training"), group("settings", rest("settings"))),
      h("details", h("summary", "How the data is read"), group("data", rest("data"))),
    );
    if (chosen === "auto" || chosen) fields.settings.rounds.input.value = 2000;
  }
  /** Say what is wrong where it is: at the field that it names, else beside the button. */
  function complain({ message, field: name }) {
    const all = Object.assign({}, ...Object.values(fields));
    const named = name ?? Object.keys(all).find((key) => new RegExp(`--${key.replaceAll("_", "-")}\\b|^${key}\\b`).test(message)) ?? (/^(data|no data)\b/.test(message) || (source.value.trim() && message.includes(source.value.trim())) ? "source" : null);
    const show = named === "source" ? sourceNotice : all[named]?.notice;
    if (show) return show(message);
    general.hidden = false;
    general.textContent = message;
  }
  function clear() {
    general.hidden = true;
    sourceNotice("");
    for (const part of Object.values(fields)) for (const f of Object.values(part)) f.notice("");
  }
  /** What the browser itself can tell: no number, or one too small. */
  function faulty() {
    if (!source.value.trim()) return { message: "choose data, or say where it is", field: "source" };
    for (const part of Object.values(fields))
      for (const [name, f] of Object.entries(part)) {
        const { badInput, stepMismatch, rangeUnderflow } = f.input.validity;
        if (badInput || stepMismatch || rangeUnderflow) return { field: name, message: badInput ? "this must be a number" : stepMismatch ? "this must be a whole number" : `this must be ${f.input.min} or more` };
      }
    return null;
  }
  const values = (part) => Object.fromEntries(Object.entries(fields[part]).map(([name, f]) => [name, f.value()]).filter(([, v]) => v !== undefined));

  filter.oninput = gallery;
  fill(
    target,
    h("h1", "New run"),
    h(
      "form",
      {
        noValidate: true, // said at the fields, in our words
        onsubmit: async (event) => {
          event.preventDefault();
          clear();
          const wrong = faulty();
          if (wrong) return complain(wrong);
          go.disabled = true;
          try {
            const job = await api("jobs", { game: chosen, source: source.value.trim(), hyperparameters: values("hyperparameters"), settings: values("settings"), data: values("data") });
            location.hash = `#/watch/${await named(job.id)}`;
          } catch (error) {
            complain(error);
          } finally {
            go.disabled = false;
          }
        },
      },
      h(
        "section.panel",
        { style: { "margin-top": "1.1rem" } },
        h("h2", h("label", { htmlFor: "source" }, "Data")),
        h("p.soft", "A name, or the path of a folder or zip of pictures, a table (.csv, .parquet), an array (.npy, .npz) on this machine."),
        source,
        sourceNotice.element,
        h("datalist", { id: "sources" }, sources.map((s) => h("option", { value: s.name }, s.kind))),
        h("div.legend", { style: { "margin-top": ".5rem" } }, IDEAS.filter((name) => kinds.has(name)).map((name) => h("button", { type: "button", onclick: () => (source.value = name) }, name))),
      ),
      h("section.panel", { style: { "margin-top": "1.1rem" } }, h("div.row.apart", h("h2", "Game"), h("div", filter)), cards),
      h("section.panel", { style: { "margin-top": "1.1rem" } }, options),
      h("div.row", { style: { "margin-top": "1.1rem" } }, go, h("span.soft", "It plays in a process of its own; you can pause it, stop it, and go on another day.")),
      general,
    ),
  );
  await pick("auto");
}

/** Wait until the process has made its run; its words, if it ends before. */
async function named(id) {
  for (let i = 0; i < 600; i++) {
    const job = await api(`jobs/${id}`);
    if (job.run) return job.run;
    if (!["starting", "playing"].includes(job.state)) throw new Error(job.said.split("\n").filter(Boolean).pop()?.replace(/^zerosum: /, "") || `it ended: ${job.state}`);
    if (i === 2) toast("Starting…", true);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error("it does not begin");
}

/** An input for one field of a schema; `value()` is undefined where it was left alone. */
function field(name, shape) {
  const types = (shape.anyOf || [shape]).filter((s) => s.type !== "null"), type = types[0] || {};
  const optional = shape.anyOf?.some((s) => s.type === "null"), id = `f-${name}`;
  const described = h("small.soft", { id: `${id}-help` }, shape.description);
  const start = shape.default === null || shape.default === undefined ? "" : String(shape.default);
  let input, read;
  if (type.type === "boolean") {
    input = h("input", { type: "checkbox", id, checked: shape.default });
    read = () => input.checked;
  } else if (type.enum) {
    input = h("select", { id }, optional && h("option", { value: "" }, "as it suits"), type.enum.map((v) => h("option", { value: v, selected: v === shape.default }, v)));
    read = () => input.value || null;
  } else if (types.every((s) => s.type === "integer" || s.type === "number") && types.length === 1) {
    input = h("input", { type: "number", id, step: type.type === "integer" ? 1 : "any", min: shape.minimum ?? "", value: start, placeholder: optional ? "as it suits" : "" });
    read = () => (input.value === "" ? null : Number(input.value));
  } else {
    const plain = Array.isArray(shape.default) ? shape.default.join(", ") : start;
    input = h("input", { id, value: plain, placeholder: optional ? "none" : "", spellcheck: false });
    const numbers = (text) => text.split(",").map((v) => (v.trim() !== "" && Number.isFinite(Number(v)) ? Number(v) : v.trim()));
    read = () => (input.value === "" ? null : types.some((s) => s.type === "array") ? (numbers(input.value).length > 1 || types.length === 1 ? numbers(input.value) : numbers(input.value)[0]) : input.value);
  }
  const say = notice(input, `${id}-help`);
  const first = JSON.stringify(read());
  return { input, notice: say, element: h("label.field", h("span", name.replaceAll("_", " ")), input, say.element, described), value: () => (JSON.stringify(read()) === first ? undefined : read()) };
}
