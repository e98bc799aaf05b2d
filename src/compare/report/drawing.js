// When the plots are drawn: all of them, one after the other while nothing else is to do; again when rows are hidden,
// the theme changes or the page goes to paper.

const PLOTS = [...document.querySelectorAll(".plot")];
const drawn = new Set();

function made(node) {
  const number = Number(node.dataset.group);
  const name = node.dataset.plot;
  if (name === "tuning") return tuning(node, number);
  const group = DATA.groups[number];
  if (name in group.costs) return costs(group, number, node, name);
  if (name === "steps" || name === "seconds") return curves(group, number, node, name);
  return sweep(group, number, node, Number(name.split("-")[1]));
}

function draw(node) {
  const first = !drawn.has(node);
  drawn.add(node);
  Plotly.react(node, ...made(node), CONFIG);
  if (!first || node.dataset.plot === "tuning") return;
  const number = Number(node.dataset.group);
  const group = DATA.groups[number];
  node.on("plotly_click", ({ points: [point] }) => {
    if (point.customdata === undefined) return;
    if (node.dataset.plot === "steps" || node.dataset.plot === "seconds") choose(number, point.customdata);
    else openRuns(group, group.rows[point.customdata]);
  });
}

function redraw(number) {
  drawn.forEach((node) => node.dataset.plot !== "tuning" && Number(node.dataset.group) === number && draw(node));
}

function redrawAll() {
  drawn.forEach(draw);
}

function drawNext() {
  const next = PLOTS.find((node) => !drawn.has(node));
  if (!next) {
    document.body.dataset.drawn = "all";
    return;
  }
  draw(next);
  setTimeout(drawNext, 0);
}

// A page that got wider or narrower: names are placed anew.
let resizing;
window.addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(redrawAll, 200);
});

// Paper shows all plots, in the light theme, as wide as the page; and notes that are folded on the screen.
function toPaper() {
  PLOTS.forEach(draw);
  document.querySelectorAll("details:not(.more)").forEach((box) => {
    box.dataset.open = box.open;
    box.open = true;
  });
}

function fromPaper() {
  redrawAll();
  document.querySelectorAll("details:not(.more)").forEach((box) => {
    box.open = box.dataset.open === "true";
  });
}

PRINTING.addEventListener("change", (event) => (event.matches ? toPaper() : fromPaper()));
showTheme();
drawNext();

// The files of the page, made when they are asked for.
function records() {
  return DATA.runs.map((run) => ({
    folder: run.folder, name: run.name, seed: run.seed,
    ...Object.fromEntries(run.sections.map(([heading, part]) => [heading, DATA.parts[part]])),
  }));
}

document.querySelector(".downloads").hidden = false;
document.querySelectorAll(".download").forEach((link) => {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const name = link.dataset.file;
    const text = DATA.files[name] ?? JSON.stringify(records(), null, 1);
    const made = document.createElement("a");
    made.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    made.download = name;
    made.click();
    setTimeout(() => URL.revokeObjectURL(made.href), 10_000);
  });
});
