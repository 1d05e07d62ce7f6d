// Play: what a run learned, by hand. All shown depends on what the model can do, never on its name.
import { api, careful, fill, h, latest, tiles, toast } from "./dom.js";
import { add, between, scale } from "./latents.js";
import { legend, scatter } from "./scatter.js";
import { conditions } from "./told.js";
import { look, translate, upload } from "./upload.js";

const STEPS = 9, LEG = 2500; // pictures between two, and milliseconds from one to the other
const PICTURES = 24, POINTS = 150, ROWS = 20;

export async function play(target, name) {
  const model = await api(`runs/${name}/model`);
  fill(
    target,
    h("div.row.apart", h("h1", name), h("span.row", keep(name, model), h("span.soft", `round ${model.round.toLocaleString("en")} · ${model.latents || "no"} latents`))),
    model.unsaved && h("p.soft", { id: "unsaved" }, `It cannot be saved as a page: ${model.unsaved}.`),
  );
  let leave = null;
  if (model.latents && (model.kind === "image" || model.plane)) leave = await walk(target, name, model);
  else if (model.ways.length && model.kind === "image") target.append(translate(name, model));
  else if (model.ways.length) target.append(h("p.soft", "It translates rows of numbers; give them to zerosum translate. Watch shows some."));
  else await drawn(target, name, model);
  for (const ability of ["classify", "encode"]) if (model.kind === "image" && !model.ways.length && model.abilities.includes(ability)) target.append(look(name, ability, model.condition?.classes));
  return leave;
}

/** Save the generator as a page, where that is offered. */
function keep(name, model) {
  const button = h("button", { id: "keep", disabled: Boolean(model.unsaved), title: model.unsaved ? "" : "One HTML file in which the generator runs, without a server" }, "Save as a page");
  button.onclick = careful(async () => {
    button.disabled = true;
    try {
      const response = await fetch(`/api/runs/${name}/page`);
      if (!response.ok) throw new Error((await response.json()).error);
      const link = h("a", { href: URL.createObjectURL(await response.blob()), download: `${name}.html` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    } finally {
      button.disabled = false;
    }
  });
  return button;
}

/** How samples that are pictures are shown. A stage draws `one` sample, `many`, and a `path`; `token` stands for one in a slot. */
function pictures() {
  const big = h("div.big"), gallery = h("div.tiles"), strip = h("div.strip");
  return {
    big, strip, shown: PICTURES, moves: false,
    gallery: h("section.panel", h("h2", "Samples"), h("p.soft", "Click one to look at it. Drag it into a slot below, or look at it and click the slot."), gallery),
    samples: tiles,
    one: (tile) => fill(big, tile),
    many: (drawn, choose) =>
      fill(gallery, drawn.map((tile, i) => h("button", { draggable: true, title: "Click to look at it; drag it into a slot", "aria-label": `sample ${i}`, onclick: () => choose(i), ondragstart: (event) => event.dataTransfer.setData("text/plain", String(i)) }, tile))),
    path: (drawn) => fill(strip, drawn),
    token: (tile) => tile,
  };
}

/** How points in the plane are shown: all in one canvas, and all move with the sliders. */
async function points(name, choose) {
  const real = await api(`runs/${name}/reals`), map = scatter(real.columns, choose);
  map.show({ real: real.rows });
  const place = ([x, y]) => h("small", `${Number(x.toPrecision(3))}, ${Number(y.toPrecision(3))}`);
  return {
    big: h("div", legend(), map), strip: null, shown: POINTS, moves: true, gallery: null,
    samples: async (packed) => packed.rows,
    one: (point) => map.show({ one: point }),
    many: (drawn) => map.show({ fake: drawn }),
    path: (drawn) => map.show({ path: drawn }),
    marks: (marks) => map.show({ marks }),
    token: place,
  };
}

async function walk(target, name, model) {
  let latents = [], z = null, base = null, truncation = 1, condition = null, directions = [], amounts = [], walking = 0;
  const ends = [null, null], sum = [null, null, null], marks = new Map();
  const look = (i) => choose(latents[i]);
  const stage = model.plane ? await points(name, look) : pictures();
  const took = h("small.soft", { id: "took" }), [slots, sums] = [1, 2].map(() => h(stage.moves ? "div.slots.small" : "div.slots")), result = h("div.slot", "="), sliders = h("div.sliders");
  const render = async (zs) => stage.samples(await api(`runs/${name}/render`, { z: zs.map((row) => row.map((v) => Math.round(v * 1e4) / 1e4)), condition }));
  const cut = (row) => scale(row, truncation);
  const moved = (row) => cut(directions.reduce((now, d, i) => (amounts[i] ? add(now, d, amounts[i]) : now), row));

  const draw = latest(async () => {
    const began = performance.now();
    const [one, ...rest] = await render([z, ...(stage.moves ? latents.map(moved) : [])]);
    took.textContent = `${Math.round(performance.now() - began)} ms`;
    stage.one(one);
    if (stage.moves) stage.many(rest);
  });
  const way = (t) => between(ends[0], ends[1], t, model.gaussian);
  const steps = stage.moves ? 4 * STEPS : STEPS;
  const interpolate = latest(async () => {
    const both = ends.every(Boolean);
    middle.disabled = stroll.disabled = !both;
    stage.path(both ? await render(Array.from({ length: steps }, (_, i) => cut(way(i / (steps - 1))))) : []);
  });
  const arithmetic = latest(async () => {
    if (sum.some((v) => !v)) return;
    const [made] = await render([cut(add(add(sum[0], sum[1], -1), sum[2]))]);
    fill(result, stage.token(made)).classList.add("full");
    mark("A−B+C", made);
  });
  const mark = (label, sample) => stage.marks && (marks.set(label, sample), stage.marks([...marks]));
  const shift = () => {
    z = moved(base);
    draw();
  };
  function choose(row) {
    base = row;
    amounts = amounts.map(() => 0);
    for (const input of sliders.querySelectorAll("input")) {
      input.value = 0;
      input.said.textContent = "0";
    }
    shift();
  }

  async function refill() {
    latents = (await api(`runs/${name}/latents`, { n: stage.shown, seed: Math.max(0, Math.floor(Number(seed.value)) || 0) })).z;
    await repaint();
  }
  async function repaint() {
    if (!base) base = latents[0];
    if (!stage.moves) stage.many(await render(latents.map(cut)), look);
    shift();
    fill(slots, slot(ends, 0, "from", interpolate), h("span.op", "→"), slot(ends, 1, "to", interpolate), h("div.along", middle, stroll));
    fill(sums, slot(sum, 0, "A", arithmetic), h("span.op", "−"), slot(sum, 1, "B", arithmetic), h("span.op", "+"), slot(sum, 2, "C", arithmetic), h("span.op", "="), result);
    interpolate();
    arithmetic();
  }

  /** A place for a latent: dropped on it, or, by click or Enter, the one that is looked at. */
  function slot(list, i, label, then) {
    const button = h("button.slot", { "aria-label": `${label}: put the sample here that is looked at`, title: stage.moves ? "Click to put the chosen point here" : "Drop a sample here, or click to put the large one" }, label);
    const show = async () => {
      if (!list[i]) return;
      const [sample] = await render([cut(list[i])]);
      fill(button, stage.token(sample)).classList.add("full");
      mark(label, sample);
    };
    const put = careful(async (row) => {
      list[i] = row;
      await show();
      then();
    });
    button.onclick = () => put(scale(z, 1 / truncation));
    button.ondragover = (event) => (event.preventDefault(), button.classList.add("over"));
    button.ondragleave = () => button.classList.remove("over");
    button.ondrop = (event) => {
      event.preventDefault();
      button.classList.remove("over");
      const row = latents[Number(event.dataTransfer.getData("text/plain"))];
      if (row) put(row);
    };
    careful(show)();
    return button;
  }

  const middle = h("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0, id: "between", disabled: true, "aria-label": "how far from the one to the other" });
  middle.oninput = () => choose(way(Number(middle.value)));
  const stroll = h("button", { id: "stroll", disabled: true, "aria-pressed": "false" }, "Walk");
  stroll.onclick = () => {
    walking = walking ? 0 : performance.now();
    stroll.setAttribute("aria-pressed", String(Boolean(walking)));
    const step = (now) => {
      if (!walking) return;
      const t = ((now - walking) / LEG) % 2;
      middle.value = t < 1 ? t : 2 - t;
      middle.oninput();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  };

  const seed = h("input", { type: "number", min: 0, value: 0, id: "seed", style: { width: "7rem" }, oninput: latest(refill) });
  const cutter = h("input", { type: "range", min: 0, max: 1.5, step: 0.05, value: 1, id: "truncation", oninput: latest(async () => ((truncation = Number(cutter.value) || 0.001), await repaint())) });
  const controls = [
    h("label.row", "Seed", h("div", seed)),
    h("button", { id: "another", onclick: () => ((seed.value = Number(seed.value) + 1), seed.oninput()) }, "Others"),
    h("label.row", "Truncation", h("div", { style: { width: "9rem" } }, cutter)),
    model.condition && conditions(model, latest(async (text) => ((condition = text), await repaint())), (text) => (condition = text)),
  ];
  directions = (await api(`runs/${name}/directions`)).directions;
  amounts = directions.map(() => 0);
  fill(
    sliders,
    directions.map((_, i) => {
      const said = h("span", "0"), input = h("input", { type: "range", min: -6, max: 6, step: 0.1, value: 0, "aria-label": `direction ${i + 1}` });
      input.said = said;
      input.oninput = () => {
        amounts[i] = Number(input.value);
        said.textContent = input.value;
        shift();
      };
      return h("label", `direction ${i + 1}`, input, said);
    }),
  );
  const ways = h("div", h("h2", { style: { "margin-top": stage.moves ? 0 : ".9rem" } }, "Directions"), h("p.soft", "The principal ways in which samples differ."), sliders);
  target.append(
    h("section.panel", { style: { "margin-top": "1.1rem" } }, h("div.row", controls)),
    h(
      "div.grid",
      h(`section.panel.${stage.moves ? "span7" : "span5"}`, h("div.row.apart", h("h2", stage.moves ? "Samples in the plane" : "One sample"), took), stage.moves && h("p.soft", "Click a point to choose it; the sliders move all."), stage.big, !stage.moves && ways),
      h(
        `div.${stage.moves ? "span5" : "span7"}`,
        { style: { display: "grid", gap: "1.1rem", "align-content": "start" } },
        stage.moves ? h("section.panel", ways) : stage.gallery,
        h("section.panel", h("h2", "Between two"), slots, stage.strip && [h("div", { style: { height: ".7rem" } }), stage.strip]),
        h("section.panel", h("h2", "Arithmetic"), sums),
        model.invertible && upload("Find it", "The latents whose sample comes closest to a picture of yours.", async (picture) => {
          const found = await api(`runs/${name}/invert`, { picture, condition });
          choose(scale(found.z, 1 / truncation));
          toast(`Found, at a distance of ${found.distance.toFixed(3)}`, true);
        }),
      ),
    ),
  );
  await refill();
  return () => (walking = 0);
}

/** Of what has no latents, or is no point in the plane: samples, as points or as a table. */
async function drawn(target, name, model) {
  let condition = null;
  const out = h("div"), seed = h("input", { type: "number", min: 0, value: 0, id: "seed", style: { width: "7rem" } });
  const draw = latest(async () => {
    const n = model.kind === "image" ? PICTURES : model.plane ? POINTS : ROWS;
    fill(out, await samples(name, { n, seed: Math.max(0, Number(seed.value) || 0), condition }, model.plane));
  });
  seed.oninput = draw;
  const told = model.condition && conditions(model, (text) => ((condition = text), draw()), (text) => (condition = text));
  target.append(h("section.panel", { style: { "margin-top": "1.1rem" } }, h("div.row", h("label.row", "Seed", h("div", seed)), told || ""), out));
  draw();
}

/** Samples as an element: pictures, points over real ones, or a table. */
export async function samples(name, order, plane) {
  const packed = await api(`runs/${name}/sample`, order);
  if (packed.kind === "image") return h("div.tiles", await tiles(packed));
  if (!plane) return h("div.wide", h("table", h("tr", packed.columns.map((c) => h("th", c))), packed.rows.map((row) => h("tr", row.map((v) => h("td", typeof v === "number" ? String(Number(v.toPrecision(5))) : String(v)))))));
  const real = await api(`runs/${name}/reals`), map = scatter(real.columns);
  map.show({ real: real.rows, fake: packed.rows });
  return h("div", legend(), map);
}
