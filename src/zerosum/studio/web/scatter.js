// Points in the plane: real ones faint behind, generated ones over them, and what was pinned.
import { canvas, colour, figure, h } from "./dom.js";
import { ticks } from "./ticks.js";

/** Discs at these points of the canvas. */
export function dots(c, points, ink, size, alpha = 0.85) {
  c.fillStyle = ink;
  c.globalAlpha = alpha;
  for (const [x, y] of points) {
    c.beginPath();
    c.arc(x, y, size, 0, 7);
    c.fill();
  }
  c.globalAlpha = 1;
}

/** The corners of a square view in which the real points fill the middle. */
function view(real) {
  const side = (k) => {
    const all = real.map((p) => p[k]), [low, high] = [Math.min(...all), Math.max(...all)];
    return [(low + high) / 2, 0.65 * (high - low) || 1];
  };
  const [[x, w], [y, t]] = [side(0), side(1)];
  return { low: [x - w, y - t], high: [x + w, y + t] };
}

/**
 * A canvas of points. `show` takes any of {real, fake, one, path, marks}: arrays of [x, y] (one: a single point; marks:
 * [[label, point]]) and keeps what it is not given. With `choose`, a click takes the nearest generated point, and so do
 * the arrow keys, one after the other.
 */
export function scatter(axes, choose = null) {
  const now = { real: [], fake: [], one: null, path: [], marks: [] };
  let chosen = -1, frame = null;
  const said = h("div.hidden", { role: "status" });
  const X = (v, w) => ((v - frame.low[0]) / (frame.high[0] - frame.low[0])) * w, Y = (v, hgt) => hgt - ((v - frame.low[1]) / (frame.high[1] - frame.low[1])) * hgt;
  const surface = canvas(
    (c, w, hgt) => {
      if (!frame) return;
      const at = (points) => points.map(([x, y]) => [X(x, w), Y(y, hgt)]);
      grid(c, w, hgt);
      dots(c, at(now.real), colour("real"), 2.6, 0.3);
      dots(c, at(now.fake), colour("fake"), 3, 0.8);
      if (now.path.length) {
        c.strokeStyle = colour("judge");
        c.lineWidth = 2.5;
        c.beginPath();
        at(now.path).forEach(([x, y], i) => c[i ? "lineTo" : "moveTo"](x, y));
        c.stroke();
      }
      c.font = "700 16px system-ui, sans-serif";
      c.textAlign = "left";
      c.textBaseline = "bottom";
      for (const [label, point] of now.marks) {
        const [[x, y]] = at([point]), right = x + 9 + c.measureText(label).width > w - 4;
        dots(c, [[x, y]], colour("judge"), 5, 1);
        c.textAlign = right ? "right" : "left";
        c.lineWidth = 4;
        c.strokeStyle = colour("back");
        c.strokeText(label, x + (right ? -9 : 9), Math.max(20, y - 4));
        c.fillStyle = colour("judge");
        c.fillText(label, x + (right ? -9 : 9), Math.max(20, y - 4));
      }
      if (!now.one) return;
      const [[x, y]] = at([now.one]);
      dots(c, [[x, y]], colour("ink"), 4, 1);
      c.strokeStyle = colour("ink");
      c.lineWidth = 2;
      c.beginPath();
      c.arc(x, y, 10, 0, 7);
      c.stroke();
    },
    { role: "img", tabIndex: choose ? 0 : -1, "aria-label": `real and generated points${choose ? "; arrow keys go from one generated point to the next" : ""}` },
  );
  function grid(c, w, hgt) {
    c.font = "13px system-ui, sans-serif";
    c.lineWidth = 1;
    c.strokeStyle = colour("line");
    c.fillStyle = colour("soft");
    c.textAlign = "center";
    c.textBaseline = "bottom";
    for (const v of ticks(frame.low[0], frame.high[0], 5)) line(c, X(v, w), 0, X(v, w), hgt, figure(v), X(v, w), hgt - 4);
    c.textAlign = "left";
    c.textBaseline = "middle";
    for (const v of ticks(frame.low[1], frame.high[1], 5)) line(c, 0, Y(v, hgt), w, Y(v, hgt), figure(v), 5, Y(v, hgt));
    c.textAlign = "right";
    c.textBaseline = "bottom";
    if (axes?.some((name) => Number.isNaN(Number(name)))) c.fillText(`${axes[0]} across, ${axes[1]} up`, w - 8, hgt - 24);
  }
  function line(c, x0, y0, x1, y1, text, x, y) {
    c.beginPath();
    c.moveTo(x0, y0);
    c.lineTo(x1, y1);
    c.stroke();
    if (x > 24 || y < c.canvas.clientHeight - 24) c.fillText(text, x, y);
  }
  const take = (i) => {
    chosen = (i + now.fake.length) % now.fake.length;
    said.textContent = `point ${chosen + 1} of ${now.fake.length}`;
    choose(chosen);
  };
  if (choose) {
    surface.style.cursor = "pointer";
    surface.onclick = (event) => {
      const [w, hgt] = [surface.clientWidth, surface.clientHeight];
      const far = now.fake.map(([x, y]) => Math.hypot(X(x, w) - event.offsetX, Y(y, hgt) - event.offsetY));
      if (far.length) take(far.indexOf(Math.min(...far)));
    };
    surface.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (!step || !now.fake.length) return;
      event.preventDefault();
      take(chosen + step);
    };
  }
  const element = h("div.stage", surface, said);
  element.show = (news) => {
    Object.assign(now, news);
    if (news.real?.length) frame = view(news.real);
    surface.repaint();
  };
  return element;
}

/** Generated points over real ones in a few words. */
export const legend = () => h("p.soft", "Real points ", h("b", { style: { color: "var(--real)" } }, "green"), " and faint, generated ones ", h("b", { style: { color: "var(--fake)" } }, "orange"), ".");
