// What the plots of scores are made of, for plotly.

const HEIGHT = 340;
const PAPER = { width: 1031, height: 215, gap: 16, frame: 22, // pixels: of the sheet, a plot, between two, around one
  margin: { l: 54, r: 12, t: 10, b: 42 } };
const MARGIN = { l: 62, r: 16, t: 30, b: 52 };
const CONFIG = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };

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
  const axis = { gridcolor: line, linecolor: line, zeroline: false, ticks: "outside", tickcolor: line, };
  return {
    height: heightOf(),
    ...(PRINTING.matches ? { width: widthOf(node) } : {}),
    margin: { ...marginOf() },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: text, size: PRINTING.matches ? 10 : 12, family: getComputedStyle(document.body).fontFamily },
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

// How large a plot is. Paper is asked before the browser has laid it out, so its width follows from the sheet's.
function heightOf() {
  return PRINTING.matches ? PAPER.height : HEIGHT;
}

function marginOf() {
  return PRINTING.matches ? PAPER.margin : MARGIN;
}

function widthOf(node) {
  if (!PRINTING.matches) return node.clientWidth || 400;
  const columns = node.closest(".plots").childElementCount < 3 ? 2 : 3;
  return Math.floor((PAPER.width - PAPER.gap * (columns - 1)) / columns) - PAPER.frame;
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

function methods(group) {
  return [...new Set(group.rows.map((row) => row.method))].sort();
}

// One trace per method, whatever plot it is in: the same colour and marker. What is shown to be worse than the best is
// faint, so that what may be the best stands out.
function points(group, rows, cost) {
  return methods(group).map((method) => {
    const style = DATA.styles[method];
    const own = rows.filter((row) => row.method === method);
    const bars = { type: "data", symmetric: false, color: transparent(style.color, 0.45), thickness: 1.2, width: 0 };
    const reach = (row, at) => (cost.range?.[row.index] ? Math.abs(cost.range[row.index][at] - cost.x[row.index]) : 0);
    return {
      type: "scatter", mode: "markers", name: plain(method),
      x: own.map((row) => cost.x[row.index]), y: own.map((row) => row.mean),
      customdata: own.map((row) => row.index), hovertext: own.map(hover), hoverinfo: "text",
      marker: { color: style.color, symbol: style.symbol, size: 9, opacity: own.map((row) => (row.tied === false ? 0.6 : 1)) },
      error_y: { ...bars, array: own.map((row) => errors(row, 1)), arrayminus: own.map((row) => errors(row, 0)) },
      error_x: { ...bars, array: own.map((row) => reach(row, 1)), arrayminus: own.map((row) => reach(row, 0)) },
    };
  });
}

function span(values, share) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low || Math.abs(high) || 1) * share;
  return [low - room, high + room];
}

// The range of an axis of scores without what lies far off on the worse side: Tukey's fences, three times as far out; of
// a few rows the worst, where it is further from the others' intervals than twice what these take together.
function fence(rows, lower) {
  const values = rows.map(({ mean }) => mean);
  if (values.length < FEW) {
    const worst = lower ? Math.max(...values) : Math.min(...values);
    const others = rows.filter(({ mean }) => mean !== worst).flatMap(({ interval }) => interval ?? []);
    if (others.length < 4 || !rows.every(({ interval }) => interval)) return () => true;
    const [low, high] = [Math.min(...others), Math.max(...others)];
    return (value) => value !== worst || (lower ? worst - high : low - worst) <= 2 * (high - low);
  }
  const ordered = [...values].sort((a, b) => a - b);
  const at = (share) => ordered[Math.round(share * (ordered.length - 1))];
  const reach = 4.5 * Math.max(at(0.75) - at(0.25), 0.02 * (at(1) - at(0)));
  return (value) => (lower ? value <= at(0.75) + reach : value >= at(0.25) - reach);
}

// What lies outside the axis is named at its edge.
function outside(group, rows, range, node) {
  const names = rows.filter(({ mean }) => mean < range[0] || mean > range[1]).map(({ label, mean }) => `${label} ${mean.toFixed(4)}`);
  if (!names.length) return [];
  const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
  return [{ x: 0, xref: "paper", y: group.lower ? 1 : 0, yref: "paper", xanchor: "left", yanchor: group.lower ? "top" : "bottom",
    showarrow: false, align: "left", font: { size: 11, color: colors(node).text }, xshift: 4,
    text: `${group.lower ? "▲" : "▼"} ${plain(names.slice(0, 3).join(", ") + more)}` }];
}

function costs(group, number, node, name) {
  const cost = group.costs[name];
  const rows = visible(group, number).filter((row) => cost.x[row.index] !== null);
  const parameters = name === "parameters";
  const others = parameters ? group.published : [];
  if (!rows.length) return [[], layout(node, {}, {})];
  const fits = fence(rows, group.lower);
  const scores = rows.filter(({ mean }) => fits(mean)).flatMap((row) => row.interval ?? [row.mean]);
  const y = span([...scores, ...others.map((other) => other.score)], 0.06);
  if (rows.some(({ mean }) => !fits(mean))) y[group.lower ? 1 : 0] += (group.lower ? 0.09 : -0.09) * (y[1] - y[0]); // room for their names
  const reaches = rows.flatMap((row) => cost.range?.[row.index] ?? [cost.x[row.index]]);
  const x = parameters ? cost.edges : span(reaches, 0.09);
  const traces = points(group, rows, cost);
  if (others.length) {
    traces.push({
      type: "scatter", mode: "markers", x: cost.others, y: others.map((other) => other.score),
      hovertext: others.map(hover), hoverinfo: "text",
      marker: { symbol: "circle-open", size: 9, color: colors(node).text, line: { width: 1.5 } },
    });
  }
  const { l, r, t, b } = marginOf();
  const room = { width: widthOf(node) - l - r, height: heightOf() - t - b };
  const across = (value) => ((value - x[0]) / (x[1] - x[0])) * room.width;
  const inside = rows.filter(({ mean }) => mean >= y[0] && mean <= y[1]);
  const ordered = inside.sort((a, b) => (b.tied === true) - (a.tied === true) || a.index - b.index);
  const annotations = placeLabels(ordered.map((row) => ({
    label: row.label, x: cost.x[row.index], y: row.mean, color: colors(node).text,
    px: across(cost.x[row.index]), bar: (cost.range?.[row.index] ?? []).map(across), py: ((y[1] - row.mean) / (y[1] - y[0])) * room.height,
  })), room).concat(outside(group, rows, y, node));
  const axis = parameters
    ? { title: title("adapter values, routers included (log scale)"), tickmode: "array",
      tickvals: cost.ticks.map(([at]) => at), ticktext: cost.ticks.map(([, text]) => text) }
    : { title: title(name === "memory" ? "peak memory (MB)" : "training time (s)"), tickformat: ",", nticks: 6 };
  // Where 0 has a place, a gap in the ground says that the scale does not reach it.
  const gap = !parameters || cost.zero === null ? [] : [{
    type: "line", xref: "x", yref: "paper", y0: 0, y1: 1, layer: "below",
    x0: cost.zero + 0.25, x1: cost.zero + 0.25, line: { dash: "dot", width: 1, color: colors(node).line },
  }];
  return [traces, layout(node, { ...axis, range: x }, { title: title(group.metric), range: y }, { shapes: gap, annotations })];
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

function tuning(node, index) {
  const found = DATA.tunings[index];
  const traces = [];
  const ends = [];
  const range = span(found.arms.flatMap((arm) => [...arm.expected, ...arm.low, ...arm.high]).filter((value) => value !== null && value !== undefined), 0.06);
  for (const arm of found.arms.filter((each) => each.expected.length)) {
    const style = DATA.styles[arm.method];
    const trials = arm.expected.map((_, at) => at + 1);
    const both = trials.filter((trial) => arm.low[trial - 1] !== null && arm.high[trial - 1] !== null);
    const at = (list) => both.map((trial) => list[trial - 1]);
    traces.push({
      type: "scatter", mode: "lines", hoverinfo: "skip", fill: "toself", line: { width: 0 },
      fillcolor: transparent(style.color, 0.13), x: [...both, ...[...both].reverse()], y: [...at(arm.high), ...at(arm.low).reverse()],
    });
    traces.push({
      type: "scatter", mode: "lines+markers", x: trials, y: arm.expected, hoverinfo: "text",
      hovertext: trials.map((trial) => `<b>${plain(arm.method)}</b><br>${arm.expected[trial - 1].toFixed(4)} expected of ${trial} trials`
        + (trial > arm.decided_to ? "<br>the band is open here: the trials decide nothing" : "")),
      line: { color: style.color, dash: style.dash, width: 2 }, marker: { color: style.color, symbol: style.symbol, size: 6 },
    });
    ends.push({ label: arm.method, x: trials.at(-1), y: arm.expected.at(-1) });
  }
  return [traces, layout(node, { title: title("trials"), nticks: 6 }, { title: title(`expected ${found.metric}`), range },
    { annotations: lineEnds(ends, node, range), margin: { ...marginOf(), r: endRoom(ends, node) } })];
}
