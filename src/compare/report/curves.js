// Learning curves: three of them in colour and by name, the others grey.

const HIGHLIGHTS = 3;
const GREY = "#9a9a9a";

// The baseline, the best, and what is next; by group the rows, the oldest choice first.
const CHOSEN = DATA.groups.map((group, number) => {
  const drawnRows = new Set(group.curves.map((curve) => curve.row));
  const wanted = [STATE[number].baseline, ...group.rows.map((_, index) => index)].filter((row) => drawnRows.has(row));
  return [...new Set(wanted)].slice(0, HIGHLIGHTS).reverse();
});

function choose(number, row) {
  const chosen = CHOSEN[number];
  const at = chosen.indexOf(row);
  if (at >= 0) chosen.splice(at, 1);
  else {
    chosen.push(row);
    if (chosen.length > HIGHLIGHTS) chosen.shift();
  }
  showChosen(number);
  redraw(number);
}

function showChosen(number) {
  document.querySelectorAll(`.chosen[data-group="${number}"] button`).forEach((button) => {
    button.setAttribute("aria-pressed", String(CHOSEN[number].includes(Number(button.dataset.row))));
  });
}

document.querySelectorAll(".chosen").forEach((box) => {
  const number = Number(box.dataset.group);
  const group = DATA.groups[number];
  group.curves.forEach((curve) => {
    const button = element("button", group.rows[curve.row].label, box);
    button.type = "button";
    button.dataset.row = curve.row;
    button.style.setProperty("--own", DATA.styles[curve.method].color);
    button.addEventListener("click", () => choose(number, curve.row));
  });
  showChosen(number);
});

// Names at the ends of lines, pushed apart; as plotly's annotations. ``range`` is that of the upright axis.
function lineEnds(ends, node, range) {
  const pixels = (heightOf() - marginOf().t - marginOf().b) / (range[1] - range[0]);
  const placed = [...ends].sort((a, b) => b.y - a.y).map((end) => ({ ...end, own: -end.y * pixels, at: -end.y * pixels }));
  placed.forEach((end, at) => {
    if (at) end.at = Math.max(end.at, placed[at - 1].at + LINE);
  });
  const over = placed.length ? (placed.at(-1).at - placed.at(-1).own) / 2 : 0; // half of it upwards
  return placed.map((end) => ({
    x: 1, xref: "paper", y: end.y, yshift: end.own - end.at + over, xanchor: "left", yanchor: "middle",
    showarrow: false, text: plain(shorten(end.label, endLetters(node))), font: { size: 11, color: colors(node).text }, xshift: 6,
  }));
}

function endLetters(node) {
  return widthOf(node) < 480 ? 12 : 22;
}

function endRoom(ends, node) {
  return 14 + LETTER * Math.min(endLetters(node), Math.max(0, ...ends.map(({ label }) => label.length)));
}

function curves(group, number, node, name) {
  const shown = group.curves.filter((curve) => SHOWN[number][curve.row] && !curve[name].includes(null));
  const chosen = shown.filter((curve) => CHOSEN[number].includes(curve.row));
  const rest = shown.filter((curve) => !chosen.includes(curve));
  const bands = chosen.filter((curve) => curve.seeds > 1).map((curve) => ({
    type: "scatter", mode: "lines", hoverinfo: "skip", fill: "toself", line: { width: 0 },
    fillcolor: transparent(DATA.styles[curve.method].color, 0.15),
    x: [...curve[name], ...[...curve[name]].reverse()], y: [...curve.high, ...[...curve.low].reverse()],
  }));
  const line = (curve, grey) => {
    const style = DATA.styles[curve.method];
    const row = group.rows[curve.row];
    const texts = curve.mean.map((value, at) =>
      [`<b>${plain(row.label)}</b>`, `${value.toFixed(4)} at step ${curve.steps[at].toLocaleString("en-US")}`,
        `seeds: ${curve.low[at].toFixed(4)} to ${curve.high[at].toFixed(4)}`, ...row.hover.slice(1).map(plain)].join("<br>"));
    return {
      type: "scatter", mode: grey ? "lines" : "lines+markers", x: curve[name], y: curve.mean, hovertext: texts,
      hoverinfo: "text", customdata: curve.mean.map(() => curve.row), opacity: grey ? 0.45 : 1,
      line: { color: grey ? GREY : style.color, dash: grey ? "solid" : style.dash, width: grey ? 1.2 : 2.4 },
      marker: { color: style.color, symbol: style.symbol, size: curve.mean.length > 30 ? 4 : 7 },
    };
  };
  const traces = [...rest.map((curve) => line(curve, true)), ...bands, ...chosen.map((curve) => line(curve, false))];
  const range = span(shown.length ? [...rest.flatMap((curve) => curve.mean), ...chosen.flatMap((curve) => [...curve.low, ...curve.high])] : [0, 1], 0.06);
  const ends = chosen.map((curve) => ({ label: group.rows[curve.row].label, y: curve.mean.at(-1) }));
  const text = name === "steps" ? "step" : group.timeTitle;
  const folded = widthOf(node) < 480 ? plain(text).replace(" (", "<br>(") : plain(text);
  return [traces, layout(node,
    { title: { text: folded, standoff: 8 }, tickformat: ",", rangemode: "tozero", nticks: 6 },
    { title: title(group.metric), range },
    { annotations: lineEnds(ends, node, range), margin: { ...marginOf(), r: endRoom(ends, node), b: folded.includes("<br>") ? 66 : marginOf().b } })];
}
