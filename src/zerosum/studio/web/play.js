// Play: what a run learned, by hand. All shown depends on what the model can do, never on its name.
import { api, base64, careful, fill, h, latest, tiles, toast } from "./dom.js";

const SHOWN = 24, STEPS = 9;

export async function play(target, name) {
  const model = await api(`runs/${name}/model`);
  const parts = [h("div.row.apart", h("h1", name), h("span.row", model.kind === "image" && model.latents > 0 && h("a.button", { href: `/api/runs/${name}/page`, download: `${name}.html`, title: "One HTML file in which the generator runs, without a server" }, "Save as a page"), h("span.soft", `round ${model.round.toLocaleString("en")} · ${model.latents || "no"} latents`)))];
  fill(target, parts);
  if (model.kind === "image" && model.latents) await walk(target, name, model);
  else if (model.ways.length && model.kind === "image") target.append(translate(name, model));
  else await rows(target, name, model);
  for (const ability of ["classify", "encode"]) if (model.kind === "image" && !model.ways.length && model.abilities.includes(ability)) target.append(look(name, ability));
}

const add = (a, b, k = 1) => a.map((v, i) => v + k * b[i]);
const scale = (a, k) => a.map((v) => v * k);
const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);

/** Between two latents: along the sphere for a normal prior, whose draws all lie near one; else straight. */
export function between(a, b, t, gaussian) {
  const [p, q] = [Math.sqrt(dot(a, a)), Math.sqrt(dot(b, b))];
  const angle = Math.acos(Math.max(-1, Math.min(1, dot(a, b) / (p * q || 1))));
  if (!gaussian || angle < 1e-4) return add(scale(a, 1 - t), b, t);
  const [u, v] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
  const length = p + (q - p) * t;
  const there = add(scale(a, u / (p || 1)), b, v / (q || 1));
  return scale(there, length);
}

async function walk(target, name, model) {
  let seed = 0, latents = [], z = null, base = null, truncation = 1, condition = null, pinned = [null, null], sum = [null, null, null], directions = [], amounts = [];
  const big = h("div.big"), gallery = h("div.tiles"), strip = h("div.strip"), took = h("small.soft", { id: "took" });
  const slots = h("div.slots"), result = h("div.slot"), sliders = h("div.sliders");
  const render = async (zs) => tiles(await api(`runs/${name}/render`, { z: zs.map((row) => row.map((v) => Math.round(v * 1e4) / 1e4)), condition }));

  const draw = latest(async () => {
    const began = performance.now();
    const [tile] = await render([z]);
    took.textContent = `${Math.round(performance.now() - began)} ms`;
    fill(big, tile);
  });
  const interpolate = latest(async () => {
    if (!pinned[0] || !pinned[1]) return void fill(strip);
    fill(strip, await render(Array.from({ length: STEPS }, (_, i) => between(pinned[0], pinned[1], i / (STEPS - 1), model.gaussian))));
  });
  const arithmetic = latest(async () => {
    if (sum.some((v) => !v)) return void fill(result, "=");
    const [tile] = await render([add(add(sum[0], sum[1], -1), sum[2])]);
    fill(result, tile).classList.add("full");
  });
  const cut = (row) => scale(row, truncation);
  const shift = () => {
    z = cut(directions.reduce((now, d, i) => add(now, d, amounts[i]), base));
    draw();
  };
  const choose = (row) => {
    base = row;
    amounts = amounts.map(() => 0);
    sliders.querySelectorAll("input").forEach((input) => ((input.value = 0), input.oninput()));
    shift();
  };

  async function refill() {
    latents = (await api(`runs/${name}/latents`, { n: SHOWN, seed })).z;
    await repaint();
  }
  async function repaint() {
    const drawn = await render(latents.map(cut));
    fill(
      gallery,
      drawn.map((tile, i) =>
        h("button", {
          draggable: true, title: "Click to look at it; drag it into a slot", "aria-label": `sample ${i}`,
          onclick: () => choose(latents[i]),
          ondragstart: (event) => event.dataTransfer.setData("text/plain", String(i)),
        }, tile),
      ),
    );
    if (!base) choose(latents[0]);
    else shift();
    interpolate();
    arithmetic();
    fill(slots, slot(pinned, 0, "from", interpolate), h("span.op", "→"), slot(pinned, 1, "to", interpolate));
    fill(sums, slot(sum, 0, "A", arithmetic), h("span.op", "−"), slot(sum, 1, "B", arithmetic), h("span.op", "+"), slot(sum, 2, "C", arithmetic), h("span.op", "="), result);
  }
  const sums = h("div.slots");

  /** A place for a latent: dropped on it, or, by click or Enter, the one that is looked at. */
  function slot(list, i, label, then) {
    const button = h("button.slot", { "aria-label": `${label}: put the large sample here`, title: "Drop a sample here, or click to put the large one" }, label);
    const show = async () => list[i] && (fill(button, (await render([cut(list[i])]))[0]), button.classList.add("full"));
    const put = careful(async (row) => {
      list[i] = row;
      await show();
      then();
    });
    button.onclick = () => put(z.map((v) => v / truncation));
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

  const seedInput = h("input", { type: "number", min: 0, value: 0, id: "seed", style: { width: "7rem" }, oninput: latest(async () => ((seed = Math.max(0, Math.floor(Number(seedInput.value)) || 0)), await refill())) });
  const controls = [h("label.row", "Seed", h("div", seedInput)), h("button", { id: "another", onclick: () => ((seedInput.value = Number(seedInput.value) + 1), seedInput.oninput()) }, "Others")];
  const cutter = h("input", { type: "range", min: 0, max: 1.5, step: 0.05, value: 1, id: "truncation", oninput: latest(async () => ((truncation = Number(cutter.value) || 0.001), await repaint())) });
  controls.push(h("label.row", "Truncation", h("div", { style: { width: "9rem" } }, cutter)));
  if (model.condition) controls.push(conditions(model, (text) => ((condition = text), repaint()), (text) => (condition = text)));
  directions = (await api(`runs/${name}/directions`)).directions;
  amounts = directions.map(() => 0);
  fill(
    sliders,
    directions.map((_, i) => {
      const said = h("span", "0"), input = h("input", { type: "range", min: -6, max: 6, step: 0.1, value: 0, "aria-label": `direction ${i + 1}` });
      input.oninput = () => {
        amounts[i] = Number(input.value);
        said.textContent = input.value;
        if (base) shift();
      };
      return h("label", `direction ${i + 1}`, input, said);
    }),
  );
  target.append(
    h("section.panel", { style: { "margin-top": "1.1rem" } }, h("div.row", controls)),
    h(
      "div.grid",
      h("section.panel.span5", h("div.row.apart", h("h2", "One sample"), took), big, h("h2", { style: { "margin-top": ".9rem" } }, "Directions"), h("p.soft", "The principal ways in which samples differ."), sliders),
      h(
        "div.span7",
        { style: { display: "grid", gap: "1.1rem", "align-content": "start" } },
        h("section.panel", h("h2", "Samples"), h("p.soft", "Click one to look at it. Drag it into a slot below, or look at it and click the slot."), gallery),
        h("section.panel", h("h2", "Between two"), slots, h("div", { style: { height: ".7rem" } }), strip),
        h("section.panel", h("h2", "Arithmetic"), sums),
        model.invertible && upload(name, "Find it", "The latents whose sample comes closest to a picture of yours.", async (picture) => {
          const found = await api(`runs/${name}/invert`, { picture, condition });
          choose(found.z);
          toast(`Found, at a distance of ${found.distance.toFixed(3)}`, true);
        }),
      ),
    ),
  );
  await refill();
}

/** What the model can be told: a list of classes, or a line for numbers and captions, with examples. */
function conditions(model, then, begin) {
  const { kind, classes, examples } = model.condition, id = "condition";
  const label = { label: "Class", text: "Caption" }[kind] || "Condition";
  if (classes.length) {
    begin(classes[0]);
    const select = h("select", { id, onchange: careful(() => then(select.value)) }, classes.map((c) => h("option", { value: c }, c)));
    return h("label.row", label, h("div", select));
  }
  begin(examples[0] || null);
  const input = h("input", { id, value: examples[0] || "", spellcheck: false, onchange: careful(() => then(input.value || null)) });
  input.setAttribute("list", "conditions");
  return h("label.row.grow", label, h("div.grow", input, h("datalist", { id: "conditions" }, examples.map((e) => h("option", { value: e })))));
}

/** Choose, drop or paste a picture. */
function upload(name, title, said, then) {
  const input = h("input", { type: "file", accept: "image/*", "aria-label": `${title}: a picture` });
  const section = h("section.panel", { style: { "margin-top": "1.1rem" } }, h("h2", title), h("p.soft", said), input);
  const take = careful(async (file) => file && (await then(await base64(file), section)));
  input.onchange = () => take(input.files[0]);
  section.ondragover = (event) => event.preventDefault();
  section.ondrop = (event) => (event.preventDefault(), take(event.dataTransfer.files[0]));
  return section;
}

function look(name, ability) {
  const out = h("pre", { hidden: true });
  const section = upload(name, ability === "classify" ? "Classify a picture" : "Encode a picture", ability === "classify" ? "Which class the model takes it for." : "What the model's encoder reads out of it.", async (picture) => {
    const found = await api(`runs/${name}/${ability}`, { picture });
    out.hidden = false;
    out.textContent = (found.classes || found.codes)[0].map((v, i) => `${i}: ${v.toFixed(3)}`).join("   ");
  });
  section.append(out);
  return section;
}

/** Draw or upload, and see it translated. */
function translate(name, model) {
  const side = 256, pad = h("canvas", { width: side, height: side, id: "pad", tabIndex: 0, "aria-label": "draw here with the mouse or a finger", style: { background: "#000", cursor: "crosshair", "touch-action": "none" } });
  const c = pad.getContext("2d"), out = h("div.big", { id: "translated" });
  const way = h("select", { id: "way", onchange: () => send() }, model.ways.map((w) => h("option", { value: w }, w === "a2b" ? "from a to b" : "from b to a")));
  const ground = h("select", { id: "ground", onchange: () => wipe() }, h("option", { value: "white" }, "dark on white"), h("option", { value: "black" }, "white on black"));
  const wipe = () => ((c.fillStyle = ground.value), c.fillRect(0, 0, side, side), (c.strokeStyle = ground.value === "white" ? "#000" : "#fff"), fill(out));
  wipe();
  c.lineWidth = 6;
  c.lineCap = c.lineJoin = "round";
  const send = latest(async () => {
    const blob = await new Promise((resolve) => pad.toBlob(resolve));
    const [tile] = await tiles(await api(`runs/${name}/translate`, { picture: await base64(blob), way: way.value }));
    fill(out, tile);
  });
  const at = (event) => [(event.offsetX / pad.clientWidth) * side, (event.offsetY / pad.clientHeight) * side];
  pad.onpointerdown = (event) => (pad.setPointerCapture(event.pointerId), c.beginPath(), c.moveTo(...at(event)));
  pad.onpointermove = (event) => event.buttons && (c.lineTo(...at(event)), c.stroke(), send());
  pad.onpointerup = send;
  const section = upload(name, "Translate", "Draw on the left, or drop a picture of yours: the right shows what the model makes of it.", async (picture) => {
    const image = new Image();
    image.src = `data:;base64,${picture}`;
    await image.decode();
    c.drawImage(image, 0, 0, side, side);
    send();
  });
  section.append(h("div.grid", h("div.span6", h("div.big", pad)), h("div.span6", out)), h("div.row", { style: { "margin-top": ".8rem" } }, h("div", way), h("div", ground), h("button", { onclick: wipe }, "Clear")));
  return section;
}

/** Of what is no picture: samples as a table. */
async function rows(target, name, model) {
  let condition = null;
  const table = h("table"), input = h("input", { type: "number", min: 0, value: 0, id: "seed", style: { width: "7rem" } });
  const draw = latest(async () => {
    const found = await api(`runs/${name}/sample`, { n: 20, seed: Math.max(0, Number(input.value) || 0), condition });
    fill(table, h("tr", found.columns.map((c) => h("th", c))), found.rows.map((row) => h("tr", row.map((v) => h("td", typeof v === "number" ? String(Number(v.toPrecision(5))) : String(v))))));
  });
  input.oninput = draw;
  const told = model.condition && conditions(model, (text) => ((condition = text), draw()), (text) => (condition = text));
  target.append(h("section.panel", { style: { "margin-top": "1.1rem" } }, h("div.row", h("label.row", "Seed", h("div", input)), told || ""), h("div.wide", table)));
  draw();
}
