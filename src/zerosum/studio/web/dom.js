// The page's small tools: elements, requests, figures.

/** An element: h("button.primary", {onclick}, "Go"). Strings are text, never markup. */
export function h(tag, given, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  const attributes = given && given.constructor === Object ? given : (children.unshift(given), {});
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "style") for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
    else if (key in element && !key.startsWith("aria")) element[key] = value;
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** JSON from the server. What is wrong there is thrown as an Error in its words. */
export async function api(path, body, options = {}) {
  const request = body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(`/api/${path}`, { ...request, ...options });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(answer.error || `the studio answered ${response.status}`), { field: answer.field });
  return answer;
}

let hiding;
export function toast(text, fine = false) {
  const element = document.getElementById("toast");
  element.textContent = text;
  element.className = fine ? "on fine" : "on";
  clearTimeout(hiding);
  hiding = setTimeout(() => (element.className = ""), fine ? 2500 : 7000);
}

/** Ask for a number, in a dialog. null where it is left. */
export function ask(question, value, least, yes) {
  const input = h("input", { type: "number", id: "asked", min: least, step: 1, value, required: true }), say = notice(input);
  const close = h("button", { type: "button" }, "Cancel");
  const form = h("form", { noValidate: true }, h("label.field", h("span", question), input, say.element), h("div.row", close, h("button.primary", { id: "yes", type: "submit" }, yes)));
  const dialog = h("dialog", { "aria-label": question }, form);
  document.body.append(dialog);
  dialog.showModal();
  input.select();
  return new Promise((resolve) => {
    let answer = null;
    dialog.onclose = () => (dialog.remove(), resolve(answer));
    close.onclick = () => dialog.close();
    form.onsubmit = (event) => {
      event.preventDefault();
      if (!input.validity.valid) return say(`a whole number, ${least} or more`);
      answer = Number(input.value);
      dialog.close();
    };
  });
}

/** A place under an input for what is wrong with it. Called with words it shows them, goes there, and opens what hides it. */
export function notice(input, help = "") {
  const element = h("small.wrong", { id: `${input.id}-wrong`, role: "alert", hidden: true });
  const say = (words) => {
    element.hidden = !words;
    element.textContent = words;
    input.setAttribute("aria-describedby", `${words ? element.id : ""} ${help}`.trim());
    if (!words) return input.removeAttribute("aria-invalid");
    input.setAttribute("aria-invalid", "true");
    for (let e = input.closest("details"); e; e = e.parentElement.closest("details")) e.open = true;
    input.focus({ preventScroll: true });
    input.scrollIntoView({ block: "center" });
  };
  say.element = element;
  say("");
  return say;
}

/** A handler whose errors are shown. */
export const careful = (work) => async (...given) => {
  try {
    return await work(...given);
  } catch (error) {
    toast(error.message);
  }
};

export const figure = (v) => {
  if (v === null || v === undefined) return "–";
  const a = Math.abs(v);
  if (a !== 0 && (a < 1e-3 || a >= 1e6)) return v.toExponential(1);
  return Number.isInteger(v) ? v.toLocaleString("en") : String(Number(v.toPrecision(3)));
};

export const duration = (s) => {
  if (!Number.isFinite(s)) return "–";
  const [hours, minutes, seconds] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60), Math.round(s % 60)];
  return hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min ${seconds} s` : `${seconds} s`;
};

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A canvas that is as sharp as the screen; `paint(context, width, height)` in CSS pixels, again whenever it changes size. */
export function canvas(paint, attributes = {}) {
  const element = h("canvas", attributes);
  element.repaint = () => {
    const { clientWidth: w, clientHeight: hgt } = element;
    if (!w || !hgt) return;
    const ratio = window.devicePixelRatio || 1;
    if (element.width !== Math.round(w * ratio) || element.height !== Math.round(hgt * ratio)) {
      element.width = Math.round(w * ratio);
      element.height = Math.round(hgt * ratio);
    }
    const context = element.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, w, hgt);
    paint(context, w, hgt);
  };
  new ResizeObserver(element.repaint).observe(element);
  window.addEventListener("theme", element.repaint);
  return element;
}

/** The tiles of a packed answer (see models.py) as small canvases. */
export async function tiles(packed) {
  const image = new Image();
  image.src = `data:image/png;base64,${packed.png}`;
  await image.decode();
  return Array.from({ length: packed.n }, (_, i) => {
    const tile = h("canvas", { width: packed.width, height: packed.height });
    const [x, y] = [(i % packed.columns) * packed.width, Math.floor(i / packed.columns) * packed.height];
    tile.getContext("2d").drawImage(image, x, y, packed.width, packed.height, 0, 0, packed.width, packed.height);
    tile.style.setProperty("--aspect", packed.width / packed.height);
    return tile;
  });
}

/** Only the newest of many calls matters: while one is under way, the last one asked for waits, the others are dropped. */
export function latest(work) {
  let busy = false, waiting = null;
  return async function call(...given) {
    if (busy) return void (waiting = given);
    busy = true;
    try {
      await work(...given);
    } catch (error) {
      toast(error.message);
    }
    busy = false;
    if (waiting) {
      const next = waiting;
      waiting = null;
      call(...next);
    }
  };
}

/** base64 of a file or blob, without its head. */
export const base64 = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1]);
    reader.onerror = () => reject(new Error("the file cannot be read"));
    reader.readAsDataURL(blob);
  });
