// Arithmetic with latents, which are rows of numbers.

export const add = (a, b, k = 1) => a.map((v, i) => v + k * b[i]);
export const scale = (a, k) => a.map((v) => v * k);
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
