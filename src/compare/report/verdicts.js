// Verdicts with another baseline or margin, from the stored differences: the same rules as src/compare/verdicts.py.

const WORDS = { better: "better", worse: "worse", equivalent: "equivalent", undecided: "undecided", none: "no difference shown" };

function logGamma(x) { // Lanczos, g = 7
  const c = [0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
  const t = x + 6.5;
  const sum = c.slice(1).reduce((total, value, at) => total + value / (x + at), c[0]);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

// The regularised incomplete beta function, by Lentz' continued fraction.
function incompleteBeta(x, a, b) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a;
  const tiny = (value) => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let c = 1;
  let d = 1 / tiny(1 - ((a + b) * x) / (a + 1));
  let found = d;
  for (let m = 1; m < 500; m += 1) {
    let step = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / tiny(1 + step * d);
    c = tiny(1 + step / c);
    found *= d * c;
    step = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / tiny(1 + step * d);
    c = tiny(1 + step / c);
    found *= d * c;
    if (Math.abs(d * c - 1) < 1e-14) break;
  }
  return front * found;
}

// Student's chance of more than the value; without degrees of freedom (infinitely many) the normal one.
function tail(value, degrees) {
  const df = degrees === null ? 1e7 : Math.min(degrees, 1e7);
  const half = 0.5 * incompleteBeta(df / (df + value * value), df / 2, 0.5);
  return value >= 0 ? half : 1 - half;
}

// The value that Student's t exceeds with that chance, by bisection.
function quantileAbove(chance, degrees) {
  let [low, high] = [0, 1];
  while (tail(high, degrees) > chance) high *= 2;
  for (let step = 0; step < 80; step += 1) {
    const middle = (low + high) / 2;
    [low, high] = tail(middle, degrees) > chance ? [middle, high] : [low, middle];
  }
  return (low + high) / 2;
}

// The level that Holm's procedure holds each p-value against.
function holmLevels(ps, alpha) {
  const found = [];
  let left = ps.length;
  let stopped = false;
  ps.map((_, at) => at).sort((a, b) => ps[a] - ps[b]).forEach((at) => {
    found[at] = alpha / left;
    stopped = stopped || ps[at] > alpha / left;
    if (!stopped) left -= 1;
  });
  return found;
}

function equivalenceP(gap, margin) {
  const room = margin - Math.abs(gap.mean);
  return gap.error === 0 ? Number(room < 0) : tail(room / gap.error, gap.degrees);
}

// By row the difference to the baseline with its verdict; null for the baseline and for what nothing can be said of.
function judge(group, baseline, margin) {
  const gaps = (group.against[baseline] || []).map((numbers) => {
    if (!numbers) return null;
    const [mean, low, high, error, degrees, p] = numbers;
    return { mean, low, high, error, degrees, p };
  });
  const known = gaps.filter(Boolean);
  const levels = margin === null ? [] : holmLevels(known.map((gap) => equivalenceP(gap, margin)), group.alpha);
  known.forEach((gap, at) => {
    const reach = margin === null ? 0 : gap.error && quantileAbove(levels[at], gap.degrees) * gap.error;
    if (margin !== null) gap.equivalence = [gap.mean - reach, gap.mean + reach];
    decide(gap, margin, group.lower);
  });
  return gaps;
}

function decide(gap, margin, lower) {
  const within = margin !== null && -margin <= gap.equivalence[0] && gap.equivalence[1] <= margin;
  const shown = gap.low > 0 || gap.high < 0;
  if (shown) gap.verdict = gap.high < 0 === lower ? "better" : "worse";
  else if (margin === null) gap.verdict = "none";
  else gap.verdict = within ? "equivalent" : "undecided";
  gap.said = WORDS[gap.verdict];
  if (gap.verdict === "equivalent") gap.said += ` within ±${plainNumber(margin)}`;
  if (!shown || margin === null) return;
  if (gap.low > margin || gap.high < -margin) gap.said += ` by more than ${plainNumber(margin)}`;
  else if (within) gap.said += ` by less than ${plainNumber(margin)}`;
}

function plainNumber(value) {
  return String(Number(value.toPrecision(6)));
}

function signed(value) {
  return Math.abs(value) < 5e-5 ? "0.0000" : `${value > 0 ? "+" : "-"}${Math.abs(value).toFixed(4)}`;
}

function pText(p) {
  return p < 1e-4 ? "< .0001" : String(Number(p.toPrecision(2)));
}

// By group what the page shows now: the baseline's row, the margin, and the rows' differences.
const STATE = DATA.groups.map((group) => {
  const baseline = group.rows.findIndex((row) => row.label === group.baseline);
  return { baseline, margin: group.margin, judged: judge(group, baseline, group.margin) };
});
