// The saved page: samples, directions, a walk. Pictures stand side by side, points together in one plane.
{
  const SHOWN = 24, POINTS = 150, SIDE = 560;
  const content = JSON.parse(document.getElementById("content").textContent), run = compiled(content.program);
  const find = (id) => document.getElementById(id), [channels, height, width] = content.shape;
  const plane = content.kind === "vector", shown = plane ? POINTS : SHOWN;
  let latents = content.z.slice(0, shown), base = latents[0], amounts = content.directions.map(() => 0), label = 0, walking = false;

  /** A sample `[c, h, w]` of latents. */
  function render(z, y = label) {
    const given = [tensor([1, ...content.latents], Float32Array.from(z))];
    if (content.classes.length) given.push(tensor([1], Float32Array.of(y)));
    return run(...given).data;
  }
  function paint(canvas, x) {
    canvas.width = width;
    canvas.height = height;
    const c = canvas.getContext("2d"), image = c.createImageData(width, height), area = width * height;
    const byte = (v) => Math.round((Math.min(1, Math.max(-1, v)) + 1) * 127.5);
    for (let i = 0; i < area; i++) {
      for (let k = 0; k < 3; k++) image.data[4 * i + k] = byte(x[channels >= 3 ? k * area + i : i]);
      image.data[4 * i + 3] = channels === 4 ? byte(x[3 * area + i]) : 255;
    }
    c.putImageData(image, 0, 0);
  }
  /** A generated point, in the user's units. */
  const point = (z) => [...render(z)].map((v, k) => v * content.affine[1][k] + content.affine[0][k]);
  /** Real points, generated ones, and the chosen one with a ring. */
  function scatter(canvas) {
    const c = canvas.getContext("2d"), ink = (where) => getComputedStyle(document.querySelector(where)).color;
    canvas.width = canvas.height = SIDE;
    const [x, y] = [0, 1].map((k) => {
      const all = content.real.map((p) => p[k]), low = Math.min(...all), wide = Math.max(...all) - low || 1;
      return (p) => ((p[k] - low) / wide / 1.3 + 0.15 / 1.3) * SIDE;
    });
    const dot = (p, size) => (c.beginPath(), c.arc(x(p), SIDE - y(p), size, 0, 7));
    const draw = (points, alpha, size) => {
      c.globalAlpha = alpha;
      for (const p of points) dot(p, size), c.fill();
      c.globalAlpha = 1;
    };
    c.fillStyle = ink(".real");
    draw(content.real, 0.3, 3);
    c.fillStyle = ink(".fake");
    draw(latents.map((z) => point(moved(z))), 0.85, 3.4);
    c.fillStyle = c.strokeStyle = ink("body");
    draw([point(moved())], 1, 4.5);
    c.lineWidth = 2;
    dot(point(moved()), 11);
    c.stroke();
  }
  const truncation = () => Number(find("truncation").value);
  const moved = (z = base) => z.map((v, i) => truncation() * content.directions.reduce((sum, d, k) => sum + amounts[k] * d[i], v));
  function big() {
    const began = performance.now();
    if (plane) scatter(find("big"));
    else paint(find("big"), render(moved()));
    find("took").textContent = `${Math.max(1, Math.round(performance.now() - began))} ms ${plane ? `for ${shown} points` : "a sample"}.`;
  }
  /** Some of the latents that came with the page. */
  const some = (n) => Array.from({ length: n }, () => content.z[Math.floor(Math.random() * content.z.length)]);
  function tiles() {
    if (plane) return;
    find("tiles").replaceChildren(
      ...latents.map((z, i) => {
        const canvas = document.createElement("canvas"), button = document.createElement("button");
        paint(canvas, render(z.map((v) => v * truncation())));
        button.append(canvas);
        button.ariaLabel = `sample ${i}`;
        button.ariaPressed = String(z === base);
        button.onclick = () => choose(z);
        return button;
      }),
    );
  }
  function choose(z) {
    base = z;
    [...find("tiles").children].forEach((button, i) => (button.ariaPressed = String(latents[i] === z)));
    big();
  }
  function walk(from, to, t) {
    if (!walking) return;
    if (t >= 1) [from, to, t] = [to, some(1)[0], 0];
    const length = (v) => Math.sqrt(v.reduce((sum, w) => sum + w * w, 0)), between = from.map((v, i) => v + (to[i] - v) * t);
    const wanted = length(from) + (length(to) - length(from)) * t, k = content.gaussian ? wanted / (length(between) || 1) : 1;
    base = between.map((v) => v * k);
    big();
    requestAnimationFrame(() => walk(from, to, t + 0.02));
  }
  find("others").onclick = () => ((latents = some(shown)), tiles(), choose(latents[0]));
  find("walk").onclick = (event) => ((walking = !walking), (event.currentTarget.ariaPressed = String(walking)), walk(base, some(1)[0], 0));
  find("truncation").oninput = () => (big(), tiles());
  if (content.classes.length) {
    find("told").hidden = false;
    find("class").append(...content.classes.map((name, i) => new Option(name, i)));
    find("class").onchange = (event) => ((label = Number(event.target.value)), big(), tiles());
  }
  find("sliders").append(
    ...content.directions.map((_, k) => {
      const row = document.createElement("label"), input = document.createElement("input");
      Object.assign(input, { type: "range", min: -6, max: 6, step: 0.1, value: 0, oninput: () => ((amounts[k] = Number(input.value)), big()) });
      row.append(`direction ${k + 1}`, input);
      return row;
    }),
  );
  find("key").hidden = !plane;
  document.body.classList.toggle("plane", plane);
  tiles();
  choose(base);
  matchMedia("(prefers-color-scheme: light)").onchange = big;
  window.zerosum = { content, render };
}
