// What a model makes of a picture of yours: a translation, a class, a code.
import { api, base64, careful, fill, h, latest, tiles } from "./dom.js";

/** Choose a picture, or drop it. */
export function upload(title, said, then) {
  const input = h("input", { type: "file", accept: "image/*", "aria-label": `${title}: a picture` });
  const section = h("section.panel", { style: { "margin-top": "1.1rem" } }, h("h2", title), h("p.soft", said), input);
  const take = careful(async (file) => file && (await then(await base64(file), section)));
  input.onchange = () => take(input.files[0]);
  section.ondragover = (event) => event.preventDefault();
  section.ondrop = (event) => (event.preventDefault(), take(event.dataTransfer.files[0]));
  return section;
}

/** What the model reads in a picture: shares of classes, by name where `names` fit, or the numbers of a code. */
export function look(name, ability, names = []) {
  const out = h("div.facts", { id: ability });
  const section = upload(ability === "classify" ? "Classify a picture" : "Encode a picture", ability === "classify" ? "Which class the model takes it for." : "What the model's encoder reads out of it.", async (picture) => {
    const found = await api(`runs/${name}/${ability}`, { picture });
    const [values] = found.classes || found.codes, known = ability === "classify" && names.length === values.length;
    const listed = values.map((v, i) => [v, known ? names[i] : String(i)]);
    if (ability === "classify") listed.sort((a, b) => b[0] - a[0]);
    fill(out, listed.map(([v, label]) => h("div", h("b", v.toFixed(3)), h("span", label))));
  });
  section.append(out);
  return section;
}

/** Draw or upload, and see it translated. */
export function translate(name, model) {
  const [, high, broad] = model.inputs[model.ways[0]], side = 256, tall = Math.round((side * high) / broad);
  const pad = h("canvas", { width: side, height: tall, id: "pad", tabIndex: 0, "aria-label": "draw here with the mouse or a finger", style: { background: "#000", cursor: "crosshair", "touch-action": "none" } });
  const c = pad.getContext("2d"), out = h("div.big", { id: "translated" });
  const way = h("select", { id: "way", onchange: () => send() }, model.ways.map((w) => h("option", { value: w }, w === "a2b" ? "from a to b" : "from b to a")));
  const ground = h("select", { id: "ground", onchange: () => wipe() }, h("option", { value: "white" }, "dark on white"), h("option", { value: "black" }, "white on black"));
  const wipe = () => ((c.fillStyle = ground.value), c.fillRect(0, 0, side, tall), (c.strokeStyle = ground.value === "white" ? "#000" : "#fff"), fill(out));
  wipe();
  c.lineWidth = 6;
  c.lineCap = c.lineJoin = "round";
  const send = latest(async () => {
    const blob = await new Promise((resolve) => pad.toBlob(resolve));
    const [tile] = await tiles(await api(`runs/${name}/translate`, { picture: await base64(blob), way: way.value }));
    fill(out, tile);
  });
  const at = (event) => [(event.offsetX / pad.clientWidth) * side, (event.offsetY / pad.clientHeight) * tall];
  pad.onpointerdown = (event) => (pad.setPointerCapture(event.pointerId), c.beginPath(), c.moveTo(...at(event)));
  pad.onpointermove = (event) => event.buttons && (c.lineTo(...at(event)), c.stroke(), send());
  pad.onpointerup = send;
  const section = upload("Translate", "Draw on the left, or drop a picture of yours: the right shows what the model makes of it.", async (picture) => {
    const image = new Image();
    image.src = `data:;base64,${picture}`;
    await image.decode();
    const k = Math.max(side / image.width, tall / image.height); // covers the pad, as the data door would cut it
    c.drawImage(image, (side - k * image.width) / 2, (tall - k * image.height) / 2, k * image.width, k * image.height);
    await send();
  });
  section.append(h("div.abreast", h("div.big", pad), out), h("div.row", { style: { "margin-top": ".8rem" } }, h("div", way), h("div", ground), h("button", { onclick: wipe }, "Clear")));
  return section;
}
