// Computes what torch.export wrote down: tensors are {shape, data}, rows last.
"use strict";
const size = (shape) => shape.reduce((a, b) => a * b, 1);
const tensor = (shape, data) => ({ shape, data: data || new Float32Array(size(shape)) });
const strides = (shape) => shape.map((_, i) => size(shape.slice(i + 1)));
const at = (dim, rank) => (dim < 0 ? dim + rank : dim);
const each = (x, f) => tensor(x.shape, x.data.map(f));

function unpack({ shape, data }) {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  return tensor(shape, new Float32Array(bytes.buffer));
}

/** Any view by strides: element i of `shape` is at offset + sum(index * step). */
function gather(x, shape, steps, offset = 0) {
  const out = tensor(shape), index = shape.map(() => 0);
  let from = offset;
  for (let i = 0; i < out.data.length; i++) {
    out.data[i] = x.data[from];
    for (let d = shape.length - 1; d >= 0; d--) {
      from += steps[d];
      if (++index[d] < shape[d]) break;
      from -= steps[d] * shape[d];
      index[d] = 0;
    }
  }
  return out;
}

function reshape(x, shape) {
  const known = -size(shape), whole = x.data.length;
  return tensor(shape.map((n) => (n === -1 ? whole / known : n)), x.data);
}

/** Two tensors or numbers, stretched to one shape. */
function pair(f) {
  return (a, b) => {
    a = typeof a === "number" ? tensor([], Float32Array.of(a)) : a;
    b = typeof b === "number" ? tensor([], Float32Array.of(b)) : b;
    const rank = Math.max(a.shape.length, b.shape.length), pad = (s) => [...Array(rank - s.length).fill(1), ...s];
    const [p, q] = [pad(a.shape), pad(b.shape)], shape = p.map((n, i) => (n === 1 ? q[i] : n));
    const stretch = (x, s) => gather(x, shape, strides(s).map((step, i) => (s[i] === 1 ? 0 : step)));
    const [u, v] = [stretch(a, p), stretch(b, q)];
    return tensor(shape, u.data.map((w, i) => f(w, v.data[i])));
  };
}

function mm(x, w) {
  const [n, k] = x.shape, m = w.shape[1], out = tensor([n, m]);
  for (let i = 0; i < n; i++)
    for (let l = 0; l < k; l++) {
      const v = x.data[i * k + l];
      if (v !== 0) for (let j = 0; j < m; j++) out.data[i * m + j] += v * w.data[l * m + j];
    }
  return out;
}

function convolution(x, w, bias, stride, padding, dilation, transposed, extra, groups) {
  const [n, c, h, wide] = x.shape, [kh, kw] = w.shape.slice(2), d = transposed ? w.shape[1] * groups : w.shape[0];
  const side = (s, k, i) => (transposed ? (s - 1) * stride[i] - 2 * padding[i] + dilation[i] * (k - 1) + extra[i] + 1 : Math.floor((s + 2 * padding[i] - dilation[i] * (k - 1) - 1) / stride[i]) + 1);
  const [oh, ow] = [side(h, kh, 0), side(wide, kw, 1)], out = tensor([n, d, oh, ow]), cg = c / groups, dg = d / groups;
  for (let b = 0; b < n; b++)
    for (let o = 0; o < d; o++) {
      const g = Math.floor(o / dg), base = (b * d + o) * oh * ow;
      if (bias) out.data.fill(bias.data[o], base, base + oh * ow);
      for (let i = 0; i < cg; i++) {
        const from = (b * c + g * cg + i) * h * wide;
        for (let u = 0; u < kh; u++)
          for (let v = 0; v < kw; v++) {
            const k = transposed ? w.data[(((g * cg + i) * dg + (o - g * dg)) * kh + u) * kw + v] : w.data[((o * cg + i) * kh + u) * kw + v];
            if (k === 0) continue;
            const [du, dv] = [u * dilation[0] - padding[0], v * dilation[1] - padding[1]];
            if (transposed)
              for (let y = 0; y < h; y++) {
                const p = y * stride[0] + du;
                if (p < 0 || p >= oh) continue;
                for (let z = 0; z < wide; z++) {
                  const q = z * stride[1] + dv;
                  if (q >= 0 && q < ow) out.data[base + p * ow + q] += k * x.data[from + y * wide + z];
                }
              }
            else
              for (let p = 0; p < oh; p++) {
                const y = p * stride[0] + du;
                if (y < 0 || y >= h) continue;
                for (let q = 0; q < ow; q++) {
                  const z = q * stride[1] + dv;
                  if (z >= 0 && z < wide) out.data[base + p * ow + q] += k * x.data[from + y * wide + z];
                }
              }
          }
      }
    }
  return out;
}

/** Per channel (x - mean) / sqrt(var + eps) * weight + bias. */
function normalise(x, weight, bias, mean, variance, momentum, eps) {
  const [, c] = x.shape, inner = size(x.shape.slice(2));
  return [tensor(x.shape, x.data.map((v, i) => {
    const k = Math.floor(i / inner) % c;
    return ((v - mean.data[k]) / Math.sqrt(variance.data[k] + eps)) * (weight ? weight.data[k] : 1) + (bias ? bias.data[k] : 0);
  }))];
}

/** Planes to another height and width; `reach(o, scale)` gives the places and weights of one side. */
function resize(x, sizes, factors, reach) {
  const [n, c, h, w] = x.shape, [oh, ow] = sizes || [Math.floor(h * factors[0]), Math.floor(w * factors[1])];
  const [sy, sx] = factors ? [1 / factors[0], 1 / factors[1]] : [h / oh, w / ow], out = tensor([n, c, oh, ow]);
  const rows = Array.from({ length: oh }, (_, i) => reach(i, sy, h)), columns = Array.from({ length: ow }, (_, i) => reach(i, sx, w));
  for (let p = 0; p < n * c; p++)
    for (let i = 0; i < oh; i++)
      for (let j = 0; j < ow; j++) {
        let sum = 0;
        for (const [y, a] of rows[i]) for (const [z, b] of columns[j]) sum += a * b * x.data[(p * h + y) * w + z];
        out.data[(p * oh + i) * ow + j] = sum;
      }
  return out;
}
const closest = (o, scale, s) => [[Math.min(s - 1, Math.floor(o * scale)), 1]];
const linear = (o, scale, s) => {
  const where = Math.max(0, (o + 0.5) * scale - 0.5), low = Math.min(s - 1, Math.floor(where)), t = where - low;
  return [[low, 1 - t], [Math.min(s - 1, low + 1), t]];
};

function cat(parts, dim = 0) {
  const d = at(dim, parts[0].shape.length), outer = size(parts[0].shape.slice(0, d)), shape = [...parts[0].shape];
  shape[d] = parts.reduce((sum, p) => sum + p.shape[d], 0);
  const out = tensor(shape);
  let to = 0;
  for (let i = 0; i < outer; i++)
    for (const p of parts) {
      const long = p.data.length / outer;
      out.data.set(p.data.subarray(i * long, (i + 1) * long), to);
      to += long;
    }
  return out;
}

function mean(x, dims, keep) {
  const which = (dims?.length ? dims : x.shape.map((_, i) => i)).map((d) => at(d, x.shape.length));
  const shape = x.shape.map((n, i) => (which.includes(i) ? 1 : n)), out = tensor(shape), steps = strides(shape), own = strides(x.shape);
  const count = x.data.length / out.data.length;
  x.data.forEach((v, i) => {
    let to = 0;
    shape.forEach((n, d) => (to += n === 1 ? 0 : (Math.floor(i / own[d]) % x.shape[d]) * steps[d]));
    out.data[to] += v / count;
  });
  return keep ? out : reshape(out, shape.filter((_, i) => !which.includes(i)));
}

function slice(x, dim = 0, start = 0, end = Infinity, step = 1) {
  const d = at(dim ?? 0, x.shape.length), n = x.shape[d], clip = (v) => Math.min(n, Math.max(0, v < 0 ? v + n : v));
  const [from, to] = [clip(start ?? 0), clip(end ?? n)], own = strides(x.shape);
  const shape = x.shape.map((m, i) => (i === d ? Math.max(0, Math.ceil((to - from) / step)) : m));
  return gather(x, shape, own.map((s, i) => (i === d ? s * step : s)), from * own[d]);
}

function pad(x, amounts, value) {
  const rank = x.shape.length, low = x.shape.map((_, i) => amounts[2 * (rank - 1 - i)] || 0), high = x.shape.map((_, i) => amounts[2 * (rank - 1 - i) + 1] || 0);
  const out = tensor(x.shape.map((n, i) => n + low[i] + high[i])), own = strides(x.shape), steps = strides(out.shape);
  out.data.fill(value || 0);
  x.data.forEach((v, i) => (out.data[x.shape.reduce((to, n, d) => to + ((Math.floor(i / own[d]) % n) + low[d]) * steps[d], 0)] = v));
  return out;
}

const insert = (shape, d) => [...shape.slice(0, d), 1, ...shape.slice(d)];
const same = (x) => x;
const OPS = {
  permute: (x, order) => gather(x, order.map((d) => x.shape[at(d, order.length)]), order.map((d) => strides(x.shape)[at(d, order.length)])),
  mm, addmm: (bias, x, w) => OPS.add(mm(x, w), bias),
  view: reshape, _unsafe_view: reshape,
  unsqueeze: (x, d) => reshape(x, insert(x.shape, d < 0 ? d + x.shape.length + 1 : d)),
  squeeze: (x, dims) => reshape(x, x.shape.filter((n, i) => n !== 1 || (dims !== undefined && ![dims].flat().map((d) => at(d, x.shape.length)).includes(i)))),
  expand: (x, shape) => {
    const own = [...Array(shape.length - x.shape.length).fill(1), ...x.shape];
    return gather(x, shape.map((n, i) => (n === -1 ? own[i] : n)), strides(own).map((s, i) => (own[i] === 1 ? 0 : s)));
  },
  select: (x, d, i) => { const s = slice(x, d, i, i === -1 ? undefined : i + 1); return reshape(s, s.shape.filter((_, k) => k !== at(d, s.shape.length))); },
  slice, cat, mean, constant_pad_nd: pad, alias: same, clone: same, _to_copy: same,
  relu: (x) => each(x, (v) => (v > 0 ? v : 0)), leaky_relu: (x, k = 0.01) => each(x, (v) => (v > 0 ? v : v * k)),
  tanh: (x) => each(x, Math.tanh), sigmoid: (x) => each(x, (v) => 1 / (1 + Math.exp(-v))), exp: (x) => each(x, Math.exp), silu: (x) => each(x, (v) => v / (1 + Math.exp(-v))), rsqrt: (x) => each(x, (v) => 1 / Math.sqrt(v)),
  add: (a, b, k) => pair((u, v) => u + (k ?? 1) * v)(a, b), sub: (a, b, k) => pair((u, v) => u - (k ?? 1) * v)(a, b), mul: pair((u, v) => u * v), div: pair((u, v) => u / v), pow: pair((u, v) => u ** v), eq: pair((u, v) => (u === v ? 1 : 0)),
  convolution, _native_batch_norm_legit_no_training: normalise,
  upsample_nearest2d: (x, sizes, factors) => resize(x, sizes, factors, closest), upsample_bilinear2d: (x, sizes, corners, factors) => resize(x, sizes, factors, linear),
  arange: (start, end, step = 1) => { const n = Math.ceil((end - start) / (step || 1)); return tensor([n], Float32Array.from({ length: n }, (_, i) => start + i * (step || 1))); },
  embedding: (w, i) => tensor([...i.shape, w.shape[1]], Float32Array.from([...i.data].flatMap((k) => [...w.data.subarray(k * w.shape[1], (k + 1) * w.shape[1])]))),
  full: (shape, v) => tensor(shape, new Float32Array(size(shape)).fill(v)), getitem: (list, i) => list[i],
};

/** A function from inputs to the output. */
function compiled(program) {
  const constants = Object.fromEntries(Object.entries(program.tensors).map(([name, packed]) => [name, unpack(packed)]));
  return (...inputs) => {
    const held = { ...constants };
    program.inputs.forEach((name, i) => (held[name] = inputs[i]));
    const look = (v) => (Array.isArray(v) ? v.map(look) : v !== null && typeof v === "object" ? held[v.ref] : v ?? undefined);
    for (const { name, op, args } of program.nodes) held[name] = OPS[op](...args.map(look));
    return held[program.output];
  };
}
