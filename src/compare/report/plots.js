// The plots, drawn by plotly when they come into sight, again when rows are hidden or the theme changes.

const CONFIG = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };
const FEW_CURVES = 12; // so many configurations are drawn all at once
const drawn = new Set();

// Plotly reads <b>, <a href> and entities in texts; what comes from a run must stay what it is.
function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function hover(row) {
  return [`<b>${plain(row.label)}</b>`, ...row.hover.map(plain)].join("<br>");
}

function colors(node) {
  const style = getComputedStyle(node);
  return { text: style.color, line: style.borderTopColor, ground: getComputedStyle(document.body).backgroundColor };
}

function transparent(color, share) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return `rgba(${r},${g},${b},${share})`;
}

function shorten(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

function layout(node, x, y, more = {}) {
  const { text, line, ground } = colors(node);
  const axis = { gridcolor: line, linecolor: line, zeroline: false, ticks: "outside", tickcolor: line, automargin: true };
  return {
    height: 340,
    margin: { l: 62, r: 16, t: 30, b: 52 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: text, size: 12, family: getComputedStyle(document.body).fontFamily },
    hoverlabel: { bgcolor: ground, bordercolor: line, font: { color: text, size: 12 }, align: "left" },
    hovermode: "closest",
    showlegend: false,
    separators: ".,",
    uirevision: "kept", // a zoom outlives filtering
    modebar: { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: text },
    ...more,
    xaxis: { ...axis, ...x },
    yaxis: { ...axis, tickformat: ",", ...y },
  };
}

function title(text) {
  return { text: plain(text), standoff: 8 };
}

function visible(group, number, methods) {
  return group.rows
    .map((row, index) => ({ ...row, index }))
    .filter((row) => SHOWN[number][row.index] && (!methods || methods === row.method));
}

function errors(row, at) {
  return row.interval ? Math.abs(row.interval[at] - row.mean) : 0;
}

// One trace per method, whatever plot it is in: the same colour and marker.
function points(group, number, x, many) {
  return methods(group).map((method) => {
    const style = DATA.styles[method];
    const rows = visible(group, number, method).filter((row) => x[row.index] !== null);
    return {
      type: "scatter", mode: "markers", name: plain(method),
      x: rows.map((row) => x[row.index]),
      y: rows.map((row) => row.mean),
      customdata: rows.map((row) => row.index),
      hovertext: rows.map(hover), hoverinfo: "text",
      marker: { color: style.color, symbol: style.symbol, size: many ? 8 : 10 },
      error_y: {
        type: "data", symmetric: false, color: transparent(style.color, many ? 0.4 : 0.75), thickness: 1.3, width: 3,
        array: rows.map((row) => errors(row, 1)), arrayminus: rows.map((row) => errors(row, 0)),
      },
    };
  });
}

function methods(group) {
  return [...new Set(group.rows.map((row) => row.method))].sort();
}

function front(group, number, found, node) {
  const rows = found.front.filter((index) => SHOWN[number][index]);
  return {
    type: "scatter", mode: "lines", hoverinfo: "skip",
    x: rows.map((index) => found.x[index]), y: rows.map((index) => group.rows[index].mean),
    line: { shape: "hv", dash: "dot", width: 1.5, color: colors(node).text },
  };
}

function pareto(group, number, node, name) {
  const found = group.pareto[name];
  const many = group.rows.length > 30;
  const traces = [front(group, number, found, node), ...points(group, number, found.x, many)];
  if (name !== "parameters") {
    const text = name === "memory" ? "peak memory (MB)" : "training time (s)";
    return [traces, layout(node, { title: title(text), tickformat: ",", nticks: 6 }, { title: title(group.metric) })];
  }
  if (group.published.length) {
    traces.push({
      type: "scatter", mode: "markers", x: found.others, y: group.published.map((other) => other.score),
      hovertext: group.published.map(hover), hoverinfo: "text",
      marker: { symbol: "circle-open", size: 9, color: colors(node).text, line: { width: 1.5 } },
    });
  }
  const axis = {
    title: title("adapter parameters, routers included (log scale)"), tickmode: "array", range: found.edges,
    tickvals: found.ticks.map(([at]) => at), ticktext: found.ticks.map(([, text]) => text),
  };
  // Where 0 has a place, a gap in the ground says that the scale does not reach it.
  const gap = found.zero === null ? [] : [{
    type: "line", xref: "x", yref: "paper", y0: 0, y1: 1, layer: "below",
    x0: found.zero + 0.25, x1: found.zero + 0.25, line: { dash: "dot", width: 1, color: colors(node).line },
  }];
  return [traces, layout(node, axis, { title: title(group.metric) }, { shapes: gap })];
}

function forest(group, number, node) {
  const rows = visible(group, number).filter((row) => row.difference).reverse();
  const length = node.clientWidth < 480 ? 18 : 34;
  const traces = methods(group).map((method) => {
    const style = DATA.styles[method];
    const own = rows.map((row, at) => ({ row, at })).filter(({ row }) => row.method === method);
    const gaps = own.map(({ row }) => row.difference);
    return {
      type: "scatter", mode: "markers", x: gaps.map(([mean]) => mean), y: own.map(({ at }) => at),
      customdata: own.map(({ row }) => row.index), hovertext: own.map(({ row }) => hover(row)), hoverinfo: "text",
      marker: { color: style.color, symbol: style.symbol, size: 9 },
      error_x: {
        type: "data", symmetric: false, color: style.color, thickness: 1.5, width: 3,
        array: gaps.map(([mean, , high]) => high - mean), arrayminus: gaps.map(([mean, low]) => mean - low),
      },
    };
  });
  const { text } = colors(node);
  const zero = { type: "line", yref: "paper", x0: 0, x1: 0, y0: 0, y1: 1, line: { width: 1.5, color: text } };
  return [traces, layout(node,
    { title: title(`difference to ${shorten(group.baseline, length)}`), tickformat: ",", nticks: 6 },
    { tickmode: "array", tickvals: rows.map((_, at) => at), range: [-0.7, rows.length - 0.3],
      ticktext: rows.map((row) => plain(shorten(row.label, length))), showgrid: false },
    { shapes: [zero], height: Math.max(340, 90 + 22 * rows.length) })];
}

function curves(group, number, node, name) {
  const wanted = node.closest(".group").querySelector(".all-curves");
  const seen = new Set();
  const chosen = group.curves.filter((curve) => {
    if (!SHOWN[number][curve.row]) return false;
    const first = !seen.has(curve.method); // rows come best first
    seen.add(curve.method);
    return first || !wanted || wanted.checked;
  });
  const bands = chosen.length <= FEW_CURVES ? chosen.filter((curve) => curve.seeds > 1) : [];
  const traces = bands.map((curve) => ({
    type: "scatter", mode: "lines", hoverinfo: "skip", fill: "toself", line: { width: 0 },
    fillcolor: transparent(DATA.styles[curve.method].color, 0.13),
    x: [...curve[name], ...[...curve[name]].reverse()], y: [...curve.high, ...[...curve.low].reverse()],
  }));
  for (const curve of chosen) {
    const style = DATA.styles[curve.method];
    const row = group.rows[curve.row];
    const texts = curve.mean.map((value, at) =>
      [`<b>${plain(row.label)}</b>`, `${value.toFixed(4)} at step ${curve.steps[at].toLocaleString("en-US")}`,
        `seeds: ${curve.low[at].toFixed(4)} to ${curve.high[at].toFixed(4)}`, ...row.hover.slice(1).map(plain)].join("<br>"));
    traces.push({
      type: "scatter", mode: "lines+markers", x: curve[name], y: curve.mean, hovertext: texts, hoverinfo: "text",
      customdata: curve.mean.map(() => curve.row),
      line: { color: style.color, dash: style.dash, width: 2 },
      marker: { color: style.color, symbol: style.symbol, size: curve.mean.length > 30 ? 4 : 7 },
    });
  }
  const text = name === "steps" ? "step" : group.timeTitle;
  const narrow = node.clientWidth < 480;
  const folded = narrow ? plain(text).replace(" (", "<br>(") : plain(text);
  return [traces, layout(node,
    { title: { text: folded, standoff: 8 }, tickformat: ",", rangemode: "tozero", nticks: 6 },
    { title: title(group.metric) })];
}

function sweep(group, number, node, index) {
  const found = group.sweeps[index];
  const traces = [];
  for (const series of found.series) {
    const style = DATA.styles[series.method];
    const shown = (list) => list.filter(([, row]) => SHOWN[number][row]);
    const best = shown(series.best);
    const rest = shown(series.points).filter(([, row]) => !best.some(([, other]) => other === row));
    const rows = (list) => list.map(([, row]) => group.rows[row]);
    const common = (list) => ({
      type: "scatter", x: list.map(([value]) => value), y: rows(list).map((row) => row.mean),
      customdata: list.map(([, row]) => row), hovertext: rows(list).map(hover), hoverinfo: "text",
    });
    traces.push({ ...common(rest), mode: "markers", opacity: 0.45,
      marker: { color: style.color, symbol: `${style.symbol}-open`, size: 8 } });
    traces.push({
      ...common(best), mode: "lines+markers",
      line: { color: style.color, dash: style.dash, width: 2 },
      marker: { color: style.color, symbol: style.symbol, size: 9 },
      error_y: { type: "data", symmetric: false, color: style.color, thickness: 1.2, width: 3,
        array: rows(best).map((row) => errors(row, 1)), arrayminus: rows(best).map((row) => errors(row, 0)) },
    });
  }
  const few = found.values.length <= 7;
  const ticks = few ? { tickmode: "array", tickvals: found.values, ticktext: found.values.map(short) } : { tickformat: "~g" };
  const text = found.name + (found.log ? " (log scale)" : "");
  const axis = { title: title(text), type: found.log ? "log" : "linear", minor: { ticks: "" }, ...ticks };
  return [traces, layout(node, axis, { title: title(group.metric) })];
}

function short(value) {
  const small = value !== 0 && Math.abs(value) < 0.001;
  return small ? value.toExponential().replace("e-", "e−") : value.toLocaleString("en-US", { maximumFractionDigits: 6 });
}

function draw(node) {
  const number = Number(node.dataset.group);
  const group = DATA.groups[number];
  const name = node.dataset.plot;
  const made =
    name in group.pareto ? pareto(group, number, node, name)
      : name === "forest" ? forest(group, number, node)
        : name === "steps" || name === "seconds" ? curves(group, number, node, name)
          : sweep(group, number, node, Number(name.split("-")[1]));
  const first = !drawn.has(node);
  drawn.add(node);
  Plotly.react(node, ...made, CONFIG);
  if (first) {
    node.on("plotly_click", ({ points: [point] }) => {
      if (point.customdata !== undefined) openRuns(group, group.rows[point.customdata]);
    });
  }
}

function redraw(number) {
  drawn.forEach((node) => Number(node.dataset.group) === number && draw(node));
}

function redrawAll() {
  drawn.forEach(draw);
}

const PLOTS = [...document.querySelectorAll(".plot")];
const sight = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => {
    sight.unobserve(target);
    draw(target);
  }),
  { rootMargin: "300px" },
);
PLOTS.forEach((node) => sight.observe(node));
document.querySelectorAll(".all-curves").forEach((box) => {
  box.addEventListener("change", () => redraw(Number(box.closest(".group").id.split("-")[1])));
});

// Paper shows all plots, in the light theme, as wide as the page; and notes that are folded on the screen.
function toPaper() {
  PLOTS.forEach(draw);
  PLOTS.forEach((node) => Plotly.Plots.resize(node));
  document.querySelectorAll("details").forEach((box) => {
    box.dataset.open = box.open;
    box.open = true;
  });
}

function fromPaper() {
  redrawAll();
  document.querySelectorAll("details").forEach((box) => {
    box.open = box.dataset.open === "true";
  });
}

PRINTING.addEventListener("change", (event) => (event.matches ? toPaper() : fromPaper()));
showTheme();
