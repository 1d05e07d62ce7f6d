// Curves and the plane, on canvases of our own.
import { canvas, colour, figure, fill, h } from "./dom.js";
import { dots } from "./scatter.js";
import { ticks } from "./ticks.js";

const MANY = 120; // readings from which on a smooth line is drawn over them

/** Means of neighbours, a fortieth of the whole on either side. */
function smooth(points) {
  const reach = Math.ceil(points.length / 40), sums = [0];
  for (const [, y] of points) sums.push(sums.at(-1) + y);
  return points.map(([x], i) => {
    const [a, b] = [Math.max(0, i - reach), Math.min(points.length, i + reach + 1)];
    return [x, (sums[b] - sums[a]) / (b - a)];
  });
}

/** Lines over rounds. `lines` is [{name, points: [[round, value]], band?: [[round, low, high]], ink}]. Hover, or arrow keys, read values. */
export function chart({ unit = "round", height } = {}) {
  let lines = [], at = null;
  const off = new Set(), legend = h("div.legend"), said = h("div.hidden", { role: "status" });
  const pad = { left: 52, right: 12, top: 8, bottom: 26 };

  const surface = canvas(
    (c, w, hgt) => {
      const shown = lines.filter((line) => !off.has(line.name) && line.points.length);
      const xs = shown.flatMap((line) => line.points.map((p) => p[0]));
      const ys = robust(shown.flatMap((line) => [...line.points.map((p) => p[1]), ...(line.band || []).flatMap((b) => [b[1], b[2]])]));
      if (!xs.length) return;
      const [x0, x1] = [Math.min(...xs), Math.max(...xs)], [y0, y1] = ys;
      const X = (v) => pad.left + ((v - x0) / (x1 - x0 || 1)) * (w - pad.left - pad.right);
      const Y = (v) => hgt - pad.bottom - ((v - y0) / (y1 - y0 || 1)) * (hgt - pad.top - pad.bottom);
      c.font = "13px system-ui, sans-serif";
      c.fillStyle = colour("soft");
      c.strokeStyle = colour("line");
      c.lineWidth = 1;
      c.textAlign = "right";
      c.textBaseline = "middle";
      for (const v of ticks(y0, y1)) {
        c.beginPath();
        c.moveTo(pad.left, Y(v));
        c.lineTo(w - pad.right, Y(v));
        c.stroke();
        c.fillText(figure(Number(v.toPrecision(6))), pad.left - 8, Y(v));
      }
      c.textAlign = "center";
      c.textBaseline = "top";
      for (const v of ticks(x0, x1 > x0 ? x1 : x0 + 1, Math.max(2, Math.floor(w / 130)))) {
        const text = figure(v), half = c.measureText(text).width / 2;
        c.fillText(text, Math.min(w - half - 2, X(v)), hgt - pad.bottom + 8);
      }
      c.save();
      c.beginPath();
      c.rect(pad.left, pad.top - 4, w - pad.left - pad.right + 4, hgt - pad.top - pad.bottom + 8);
      c.clip();
      for (const line of shown) {
        const ink = colour(line.ink);
        if (line.band?.length) {
          c.fillStyle = ink;
          c.globalAlpha = 0.18;
          c.beginPath();
          line.band.forEach(([x, , high], i) => c[i ? "lineTo" : "moveTo"](X(x), Y(high)));
          [...line.band].reverse().forEach(([x, low]) => c.lineTo(X(x), Y(low)));
          c.fill();
          c.globalAlpha = 1;
        }
        c.strokeStyle = ink;
        c.lineJoin = "round";
        const draw = (points, wide, alpha) => {
          c.lineWidth = wide;
          c.globalAlpha = alpha;
          c.beginPath();
          points.forEach(([x, y], i) => c[i ? "lineTo" : "moveTo"](X(x), Y(y)));
          c.stroke();
          c.globalAlpha = 1;
        };
        const many = line.points.length > MANY;
        draw(line.points, many ? 1 : 2, many ? 0.35 : 1);
        if (many) draw(smooth(line.points), 2.5, 1);
        if (line.points.length < 30) {
          c.fillStyle = ink;
          for (const [x, y] of line.points) c.fillRect(X(x) - 2, Y(y) - 2, 4, 4);
        }
      }
      c.restore();
      if (at === null) return;
      const wanted = x0 + at * (x1 - x0);
      const near = shown.map((line) => [line, line.points.reduce((a, b) => (Math.abs(b[0] - wanted) < Math.abs(a[0] - wanted) ? b : a))]);
      const round = near[0][1][0], texts = [`${unit} ${figure(round)}`, ...near.map(([line, p]) => `${line.name}  ${figure(p[1])}`)];
      said.textContent = texts.join(", ");
      c.strokeStyle = colour("soft");
      c.lineWidth = 1;
      c.beginPath();
      c.moveTo(X(round), pad.top);
      c.lineTo(X(round), hgt - pad.bottom);
      c.stroke();
      const wide = Math.max(...texts.map((t) => c.measureText(t).width)) + 34, left = X(round) + wide + 12 > w ? X(round) - wide - 8 : X(round) + 8;
      c.fillStyle = colour("raised");
      c.strokeStyle = colour("line");
      c.beginPath();
      c.roundRect(left, pad.top + 2, wide, texts.length * 19 + 10, 8);
      c.fill();
      c.stroke();
      c.textAlign = "left";
      texts.forEach((t, i) => {
        const y = pad.top + 9 + i * 19;
        if (i) {
          c.fillStyle = colour(near[i - 1][0].ink);
          c.fillRect(left + 10, y + 5, 12, 4);
        }
        c.fillStyle = colour("ink");
        c.fillText(t, left + (i ? 28 : 10), y);
      });
    },
    { className: "chart", tabIndex: 0, role: "img", "aria-label": "curves; arrow keys read values" },
  );
  if (height) surface.style.height = `${height}px`;
  const point = (where) => {
    at = where === null ? null : Math.min(1, Math.max(0, where));
    surface.repaint();
  };
  surface.onmousemove = (event) => point((event.offsetX - pad.left) / (surface.clientWidth - pad.left - pad.right));
  surface.onmouseleave = surface.onblur = () => point(null);
  surface.onkeydown = (event) => {
    const step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -9, End: 9 }[event.key];
    if (!step) return;
    event.preventDefault();
    point((at ?? 1) + step);
  };

  const element = h("div", legend, surface, said);
  element.show = (next) => {
    const before = lines.map((line) => line.name).join("\n");
    lines = next;
    if (before !== lines.map((line) => line.name).join("\n"))
      fill(
        legend,
        lines.map((line) =>
          h(
            "button",
            {
              "aria-pressed": String(!off.has(line.name)),
              onclick: (event) => {
                off.has(line.name) ? off.delete(line.name) : off.add(line.name);
                event.currentTarget.setAttribute("aria-pressed", String(!off.has(line.name)));
                surface.repaint();
              },
            },
            h("span.key", { style: { background: `var(--${line.ink})` } }),
            line.name,
          ),
        ),
      );
    surface.repaint();
  };
  element.ticks = surface.repaint;
  return element;
}

/** A range that a few wild values do not spoil. */
function robust(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (!sorted.length) return [0, 1];
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(q * (sorted.length - 1))))];
  let [low, high] = [at(0), at(1)];
  const [p5, p95] = [at(0.02), at(0.98)], inner = p95 - p5;
  if (sorted.length > 20) [low, high] = [Math.max(low, p5 - inner), Math.min(high, p95 + inner)];
  if (high - low < 1e-9) [low, high] = [low - 0.5, high + 0.5];
  const margin = 0.06 * (high - low);
  return [low - margin, high + margin];
}

/** Points in the plane, D's map behind them, and where its gradient pulls the fakes. Between two moments it glides. */
export function plane() {
  let now = null, from = null, began = 0;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const surface = canvas(
    (c, w, hgt) => {
      if (!now) return;
      const t = from && !still ? Math.min(1, (performance.now() - began) / 350) : 1, ease = t * t * (3 - 2 * t);
      const mix = (a, b) => (a && t < 1 ? b.map((p, i) => (a[i] ? [a[i][0] + (p[0] - a[i][0]) * ease, a[i][1] + (p[1] - a[i][1]) * ease] : p)) : b);
      const X = (v) => ((v - now.low[0]) / (now.high[0] - now.low[0])) * w, Y = (v) => hgt - ((v - now.low[1]) / (now.high[1] - now.low[1])) * hgt;
      if (now.heat) heat(c, now.heat, w, hgt);
      const at = (points) => points.map(([x, y]) => [X(x), Y(y)]);
      dots(c, at(now.real), colour("real"), 2.6);
      const fake = mix(from?.fake, now.fake);
      if (now.tips) {
        const tips = mix(from?.tips, now.tips);
        c.strokeStyle = colour("ink");
        c.globalAlpha = 0.55;
        c.lineWidth = 1.3;
        tips.forEach(([x, y], i) => {
          const [a, b, p, q] = [X(fake[i][0]), Y(fake[i][1]), X(x), Y(y)], long = Math.hypot(p - a, q - b);
          if (long < 2) return;
          const [u, v] = [(p - a) / long, (q - b) / long], head = Math.min(5, long / 2);
          c.beginPath();
          c.moveTo(a, b);
          c.lineTo(p, q);
          c.moveTo(p - head * (u - v * 0.6), q - head * (v + u * 0.6));
          c.lineTo(p, q);
          c.lineTo(p - head * (u + v * 0.6), q - head * (v - u * 0.6));
          c.stroke();
        });
        c.globalAlpha = 1;
      }
      dots(c, at(fake), colour("fake"), 3);
      if (t < 1) requestAnimationFrame(surface.repaint);
    },
    { role: "img", "aria-label": "real and generated points over the discriminator's map" },
  );
  surface.show = (next) => {
    from = now;
    now = next;
    began = performance.now();
    surface.repaint();
  };
  return surface;
}

/** D's logits as colour: what it takes for real in the real points' colour, for fake in the fakes', by rank so that every D shows. */
function heat(c, rows, w, hgt) {
  const flat = rows.flat(), size = Math.max(1e-9, [...flat].map(Math.abs).sort((a, b) => a - b)[Math.floor(flat.length * 0.9)]);
  const middle = [...flat].sort((a, b) => a - b)[flat.length >> 1], centre = Math.min(...flat) < 0 && Math.max(...flat) > 0 ? 0 : middle;
  const rgb = (name) => colour(name).match(/[0-9a-f]{2}/gi).map((v) => parseInt(v, 16));
  const [back, real, fake] = [rgb("panel"), rgb("real"), rgb("fake")];
  const side = rows.length, image = new ImageData(rows[0].length, side);
  rows.forEach((row, i) =>
    row.forEach((v, j) => {
      const k = Math.max(-1, Math.min(1, (v - centre) / size)), to = k > 0 ? real : fake, a = 0.42 * Math.abs(k);
      const at = 4 * ((side - 1 - i) * row.length + j);
      for (let n = 0; n < 3; n++) image.data[at + n] = back[n] + (to[n] - back[n]) * a;
      image.data[at + 3] = 255;
    }),
  );
  const small = new OffscreenCanvas(rows[0].length, side);
  small.getContext("2d").putImageData(image, 0, 0);
  c.imageSmoothingEnabled = true;
  c.imageSmoothingQuality = "high";
  c.drawImage(small, 0, 0, w, hgt);
}
