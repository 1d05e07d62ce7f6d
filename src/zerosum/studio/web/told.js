// What a conditional model can be told: a list of classes, a slider for each number, or a line of text with examples.
import { careful, figure, h } from "./dom.js";

const SLIDERS = 6; // numbers beyond which a line of text is shorter

/** Calls `begin` with the first condition at once, and `then` with each that is chosen later. */
export function conditions(model, then, begin) {
  const { kind, classes, examples, numbers } = model.condition, id = "condition";
  const label = { label: "Class", text: "Caption" }[kind] || "Condition";
  if (classes.length) {
    begin(classes[0]);
    const select = h("select", { id, onchange: careful(() => then(select.value)) }, classes.map((c) => h("option", { value: c }, c)));
    return h("label.row", label, h("div", select));
  }
  if (numbers.length && numbers.length <= SLIDERS && !numbers.some((n) => /[=,;]/.test(n.name))) {
    const inputs = numbers.map(({ name, low, high, mean }) => h("input", { type: "range", min: low, max: high, step: (high - low) / 200 || 1, value: mean, name, "aria-label": name }));
    const text = () => inputs.map((input) => `${input.name}=${input.value}`).join(", ");
    begin(text());
    return inputs.map((input) => {
      const said = h("b", figure(Number(input.value)));
      input.oninput = () => {
        said.textContent = figure(Number(input.value));
        then(text());
      };
      return h("label.row", input.name, h("div", { style: { width: "10rem" } }, input), said);
    });
  }
  begin(examples[0] || null);
  const input = h("input", { id, value: examples[0] || "", spellcheck: false, onchange: careful(() => then(input.value || null)) });
  input.setAttribute("list", "conditions");
  return h("label.row.grow", label, h("div.grow", input, h("datalist", { id: "conditions" }, examples.map((e) => h("option", { value: e })))));
}
