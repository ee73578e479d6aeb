// The lineage picture: fit it or zoom it, and show what one table is made from and what is made of it.
"use strict";
for (const chart of document.querySelectorAll(".lineage")) {
  const drawing = chart.querySelector("svg");
  const controls = chart.parentElement.querySelector(".controls");
  const [table, zoom] = [controls.querySelector("select"), controls.querySelector("input")];
  const nodes = [...drawing.querySelectorAll("g[data-node]")];
  const edges = [...drawing.querySelectorAll("g[data-source]")];
  for (const name of nodes.map((node) => node.dataset.node).sort()) table.add(new Option(name, name));

  function reached(from, to, start) {
    const found = new Set([start]);
    for (const name of found) {
      for (const edge of edges) if (edge.dataset[from] === name) found.add(edge.dataset[to]);
    }
    return found;
  }

  table.addEventListener("change", () => {
    const chosen = table.value;
    const before = reached("target", "source", chosen);
    const after = reached("source", "target", chosen);
    const shown = (name) => !chosen || before.has(name) || after.has(name);
    for (const node of nodes) node.classList.toggle("dim", !shown(node.dataset.node));
    for (const edge of edges) {
      const { source, target } = edge.dataset;
      const inside = [before, after].some((side) => side.has(source) && side.has(target));
      edge.classList.toggle("dim", Boolean(chosen) && !inside);
    }
  });
  zoom.addEventListener("input", () => {
    drawing.style.width = `${zoom.value}%`;
  });
  controls.hidden = false;
}
