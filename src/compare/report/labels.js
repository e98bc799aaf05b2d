// Names beside the points of a plot, where there is room: no name lies on another, or on a point.

const LETTER = 6.1; // pixels of a letter, about
const LINE = 13;

// Where a name may stand: to the right, left, above, below, and at the corners; by its middle, from the point.
function spots(width) {
  const [x, y] = [width / 2 + 9, LINE / 2 + 7];
  return [[x, 0], [-x, 0], [0, -y], [0, y], [x - 3, -y + 2], [-x + 3, -y + 2], [x - 3, y - 2], [-x + 3, y - 2]];
}

function overlap(a, b) {
  return Math.abs(a.x - b.x) < (a.width + b.width) / 2 && Math.abs(a.y - b.y) < (a.height + b.height) / 2;
}

// Annotations for points with px, py in pixels of the plot (py downwards) and the ends of their level bars, the most
// important first.
function placeLabels(points, room) {
  const taken = points.map(({ px, py }) => ({ x: px, y: py, width: 11, height: 11 }));
  for (const { bar: [left, right], py } of points.filter(({ bar }) => bar.length)) {
    taken.push({ x: (left + right) / 2, y: py, width: right - left, height: 2 });
  }
  const found = [];
  for (const point of points) {
    const text = shorten(point.label, 26);
    const width = text.length * LETTER;
    for (const [dx, dy] of spots(width)) {
      const box = { x: point.px + dx, y: point.py + dy, width, height: LINE };
      const outside = box.x - width / 2 < 0 || box.x + width / 2 > room.width || box.y < LINE / 2 || box.y > room.height - LINE / 2;
      if (outside || taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      found.push({ x: point.x, y: point.y, text: plain(text), showarrow: false, xshift: dx, yshift: -dy,
        font: { size: 11, color: point.color }, xanchor: "center", yanchor: "middle" });
      break;
    }
  }
  return found;
}
