// The forest plot within the table's rows: places are percentages of the cell, so that it fits any width and paper.

const MOST = 0.8; // share of the rows that have to fit; what reaches further than OUTLIER times that is cut
const OUTLIER = 1.5;
const FEW = 6; // of fewer rows none is cut but for FAR times the middle one's reach
const FAR = 4;
const AXIS = 150; // pixels of an axis that is not shown yet
const TICK = 4.2; // half the pixels of a letter of its numbers, and of the room beside it

function forestScale(number) {
  const { judged, margin } = STATE[number];
  const known = judged.filter(Boolean);
  if (!known.length) return null;
  const reaches = known.map(({ low, high }) => Math.max(Math.abs(low), Math.abs(high))).sort((a, b) => a - b);
  const usual = reaches[Math.floor((reaches.length - 1) * (known.length < FEW ? 0.5 : MOST))];
  const most = known.length < FEW ? reaches.findLast((reach) => reach <= FAR * usual) : OUTLIER * usual;
  const room = Math.max(1.3 * (margin ?? 0), most * 0.2, 1e-4);
  const from = -Math.max(room, Math.min(most, -Math.min(...known.map(({ low }) => low))));
  const to = Math.max(room, Math.min(most, Math.max(...known.map(({ high }) => high))));
  const wide = (to - from) * 1.04;
  return { from, to, share: (length) => `${((100 * length) / wide).toFixed(2)}%`,
    place: (value) => `${((100 * (value - from)) / wide + 2 / 1.04).toFixed(2)}%` };
}

function niceStep(limit) {
  const power = 10 ** Math.floor(Math.log10(limit));
  return [0.1, 0.2, 0.5, 1, 2, 5].map((factor) => factor * power).findLast((step) => step <= limit) ?? power / 10;
}

function drawForest(number) {
  const group = DATA.groups[number];
  const table = document.querySelector(`table.rows[data-group="${number}"]`);
  const axis = table.querySelector(".forest-axis");
  if (!axis) return;
  const scale = forestScale(number);
  axis.replaceChildren();
  table.querySelectorAll("td.c-forest").forEach((cell) => cell.replaceChildren());
  if (!scale) return;
  const step = niceStep((scale.to - scale.from) / 2);
  const taken = [];
  for (const value of [0, -1, 1, -2, 2].map((count) => count * step).filter((at) => at >= scale.from && at <= scale.to)) {
    const text = value === 0 ? "0" : signedShort(value);
    const own = { at: (parseFloat(scale.place(value)) * (axis.clientWidth || AXIS)) / 100, half: text.length * TICK };
    if (taken.some((other) => Math.abs(other.at - own.at) < other.half + own.half)) continue;
    taken.push(own);
    element("span", text, axis).style.left = scale.place(value);
  }
  table.querySelectorAll("tbody tr").forEach((row) => forestRow(row, group, number, scale));
}

function signedShort(value) {
  return `${value > 0 ? "+" : "−"}${plainNumber(Math.abs(value))}`;
}

function forestRow(row, group, number, scale) {
  const { margin, judged, baseline } = STATE[number];
  const index = Number(row.dataset.row);
  const gap = judged[index];
  const cell = row.querySelector("td.c-forest");
  const box = element("div", undefined, cell, "forest-box");
  if (margin !== null) {
    const shade = element("i", undefined, box, "shade");
    shade.style.left = scale.place(-margin);
    shade.style.width = scale.share(2 * margin);
  }
  element("i", undefined, box, "zero").style.left = scale.place(0);
  if (index === baseline) box.setAttribute("aria-label", "baseline");
  if (!gap) return;
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", `${signed(gap.mean)}, from ${signed(gap.low)} to ${signed(gap.high)}`);
  const { from, to } = scale;
  const [left, right] = [Math.max(gap.low, from), Math.min(gap.high, to)];
  if (right >= left) {
    const bar = element("i", undefined, box, `bar ${gap.verdict}`);
    bar.style.left = scale.place(left);
    bar.style.width = scale.share(right - left);
  }
  if (gap.low < from) element("i", "◀", box, `cut left ${gap.verdict}`);
  if (gap.high > to) element("i", "▶", box, `cut right ${gap.verdict}`);
  if (gap.mean < from || gap.mean > to) return;
  const dot = row.querySelector(".swatch").cloneNode(true);
  dot.classList.add("dot");
  dot.style.left = scale.place(gap.mean);
  box.append(dot);
}

// The cells that a baseline and a margin decide.
function showVerdicts(number) {
  const group = DATA.groups[number];
  const { baseline, judged } = STATE[number];
  const table = document.querySelector(`table.rows[data-group="${number}"]`);
  const heading = table.querySelector("th.c-difference button");
  if (!heading) return;
  heading.textContent = `minus ${group.rows[baseline].label}`;
  table.querySelectorAll("tbody tr").forEach((row) => {
    const index = Number(row.dataset.row);
    const gap = judged[index];
    const isBaseline = index === baseline;
    fill(row.querySelector(".c-difference"), gap && signed(gap.mean), gap && `[${signed(gap.low)}, ${signed(gap.high)}]`, gap?.mean);
    const said = isBaseline ? "baseline" : gap ? gap.said : "no claim";
    const cell = row.querySelector(".c-verdict");
    const within = gap?.equivalence && !["better", "worse"].includes(gap.verdict) ? gap.equivalence : null;
    fill(cell, said, gap && `p ${pText(gap.p)}${within ? ` · [${within.map(signed).join(", ")}]` : ""}`, isBaseline ? "" : said);
    cell.title = within ? "in brackets the interval for equivalence: it has to lie within the margin" : "";
    cell.className = `c-verdict text ${isBaseline ? "baseline" : gap ? gap.verdict : "no"}`;
  });
  drawForest(number);
}

function fill(cell, text, below, sort) {
  cell.textContent = text ?? "";
  if (below) element("small", below, cell);
  if (sort === undefined || sort === null) delete cell.dataset.sort;
  else cell.dataset.sort = sort;
}

document.querySelectorAll(".controls").forEach((controls) => {
  const menu = controls.querySelector(".baseline");
  if (!menu) return;
  const number = Number(controls.dataset.group);
  const group = DATA.groups[number];
  const slider = controls.querySelector(".margin");
  const shown = controls.querySelector(".margin-value");
  const reset = controls.querySelector(".reset");
  const changed = controls.parentElement.querySelector(".changed");
  const first = { ...STATE[number] };
  const reaches = (first.judged.filter(Boolean).map((gap) => (gap.high - gap.low) / 2)).sort((a, b) => a - b);
  const typical = reaches[Math.floor(reaches.length / 2)] || 0.01;
  const step = niceStep(Math.max(typical, first.margin ?? 0) / 10);
  menu.disabled = group.against.filter((row) => row.some(Boolean)).length < 2;

  function show() {
    const { margin, baseline } = STATE[number];
    slider.value = margin === null ? 0 : Math.round(margin / step);
    shown.textContent = margin === null ? "none" : `±${plainNumber(margin)}`;
    slider.setAttribute("aria-valuetext", shown.textContent);
    menu.value = String(baseline);
    const other = margin !== first.margin || baseline !== first.baseline;
    reset.hidden = changed.hidden = !other;
    const set = first.margin === null ? "no margin" : `margin ${plainNumber(first.margin)}`;
    changed.textContent = `Explored after the fact: what was set is baseline ${group.rows[first.baseline].label}, ${set}; the answer above is by that.`;
    showVerdicts(number);
  }

  function change(update) {
    Object.assign(STATE[number], update);
    STATE[number].judged = judge(group, STATE[number].baseline, STATE[number].margin);
    show();
  }

  menu.addEventListener("change", () => change({ baseline: Number(menu.value) }));
  slider.addEventListener("input", () => change({ margin: Number(slider.value) ? Number(slider.value) * step : null }));
  reset.addEventListener("click", () => change({ baseline: first.baseline, margin: first.margin }));
  show();
});
