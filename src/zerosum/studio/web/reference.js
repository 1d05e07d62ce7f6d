// The REST interface, from its own OpenAPI document.
import { api, fill, h } from "./dom.js";

export async function reference(target) {
  const document = await api("openapi.json");
  const groups = Map.groupBy(
    Object.entries(document.paths).flatMap(([path, verbs]) => Object.entries(verbs).map(([verb, about]) => ({ path, verb, ...about }))),
    (entry) => entry.tags?.[0] || "other",
  );
  fill(
    target,
    h("h1", "REST"),
    h("p.soft", "Everything that this page does, it does by these addresses. ", h("a", { href: "/api/openapi.json", target: "_blank" }, "The OpenAPI document"), " describes what they take and give."),
    [...groups].map(([tag, entries]) => h("section.panel", { style: { "margin-top": "1.1rem" } }, h("h2", tag), h("div.wide", h("table", entries.map((e) => h("tr", h("td", h("b", e.verb.toUpperCase())), h("td", h("code", e.path)), h("td", e.description || e.summary))))))),
    h("section.panel", { style: { "margin-top": "1.1rem" } }, h("h2", "For example"), h("pre", `curl -s ${location.origin}/api/runs\ncurl -s ${location.origin}/api/runs/RUN/sample -H 'content-type: application/json' -d '{"n": 16, "seed": 0}'\ncurl -N ${location.origin}/api/runs/RUN/events`)),
  );
}
