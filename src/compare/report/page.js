"use strict";
// The data, the theme, and the window that shows the runs of a configuration.

const DATA = JSON.parse(document.getElementById("data").textContent);
const PRINTING = matchMedia("print");
const SYSTEM = matchMedia("(prefers-color-scheme: dark)");
const SHOWN = DATA.groups.map((group) => group.rows.map(() => true)); // by group and row: passes legend and filter

const themeButton = document.getElementById("theme");

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return !PRINTING.matches && (chosen ? chosen === "dark" : SYSTEM.matches);
}

function showTheme() {
  themeButton.setAttribute("aria-pressed", String(isDark()));
  redrawAll();
}

themeButton.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  showTheme();
});
SYSTEM.addEventListener("change", showTheme);

// Everything from a run reaches the page through textContent alone, so that no name can become markup.
function element(tag, text, parent, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  if (parent) parent.append(made);
  return made;
}

const dialog = document.getElementById("runs");

function openRuns(group, row) {
  const content = dialog.querySelector(".content");
  content.replaceChildren();
  document.getElementById("runs-title").textContent = row.label;
  row.runs.forEach((number, index) => {
    const run = DATA.runs[number];
    const box = element("details", undefined, content, "run");
    box.open = index === 0;
    element("summary", `seed ${run.seed}: ${run.name}`, box);
    listed({ folder: run.folder }, box);
    for (const [title, part] of run.sections) {
      const section = element("details", undefined, box);
      section.open = row.runs.length === 1 || title.startsWith("config: model");
      element("summary", title, section);
      listed(DATA.parts[part], section);
    }
  });
  dialog.showModal();
  dialog.scrollTop = 0;
}

function listed(values, parent) {
  const list = element("dl", undefined, parent);
  for (const [key, value] of leaves(values, "")) {
    element("dt", key, list);
    element("dd", value === null ? "none" : typeof value === "number" ? number(value) : String(value), list);
  }
}

function* leaves(node, prefix) {
  for (const [key, value] of Object.entries(node)) {
    if (Array.isArray(value)) yield [prefix + key, value.map((item) => JSON.stringify(item)).join(", ")];
    else if (value !== null && typeof value === "object") yield* leaves(value, `${prefix}${key}.`);
    else yield [prefix + key, value];
  }
}

function number(value) {
  return Number.isInteger(value) ? value.toLocaleString("en-US") : String(value);
}

dialog.querySelector(".close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close(); // beside the window
});
