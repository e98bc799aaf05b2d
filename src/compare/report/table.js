// Sorting, filtering, hiding: of a table, and with it of the group's plots.

document.querySelectorAll("table.rows").forEach((table) => {
  const group = Number(table.dataset.group);
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const controls = document.querySelector(`.controls[data-group="${group}"]`);
  const filter = controls.querySelector(".filter");

  table.querySelectorAll("thead th").forEach((heading, column) => {
    heading.querySelector("button")?.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      // Numbers begin with the largest, names with the first.
      const first = heading.matches(".name, .text") ? "ascending" : "descending";
      const other = first === "ascending" ? "descending" : "ascending";
      const direction = before === first ? other : first;
      table.querySelectorAll("thead th[aria-sort]").forEach((each) => each.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", direction);
      body.append(...sorted(rows, column, direction));
    });
  });

  controls.querySelector(".sort").addEventListener("change", ({ target }) => {
    const heading = table.tHead.rows[0].cells[Number(target.value)];
    const direction = heading.matches(".name, .text") ? "ascending" : "descending";
    body.append(...sorted(rows, Number(target.value), direction));
  });

  rows.forEach((row) => {
    row.querySelector(".open").addEventListener("click", () => {
      const data = DATA.groups[group];
      openRuns(data, data.rows[Number(row.dataset.row)]);
    });
  });

  function apply() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hidden = new Set(
      [...controls.querySelectorAll('.legend [aria-pressed="false"]')].map((button) => button.dataset.method),
    );
    let count = 0;
    rows.forEach((row) => {
      const text = row.textContent.toLowerCase();
      const fits = !hidden.has(row.dataset.method) && words.every((word) => text.includes(word));
      row.hidden = !fits;
      SHOWN[group][Number(row.dataset.row)] = fits;
      count += fits;
    });
    const all = count === rows.length;
    controls.querySelector(".shown").textContent = all ? "" : `${count} of ${rows.length} rows, here and in the plots`;
    redraw(group);
  }

  controls.querySelectorAll(".legend button").forEach((button) => {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") === "false"));
      apply();
    });
  });
  filter.addEventListener("input", apply);
  controls.querySelector(".all-columns").addEventListener("change", (event) => {
    table.classList.toggle("every", event.target.checked);
  });
});

function sorted(rows, column, direction) {
  const sign = direction === "ascending" ? 1 : -1;
  const keyed = rows.map((row) => [row.cells[column].dataset.sort, row]);
  return keyed.sort(([a], [b]) => compare(a, b, sign)).map(([, row]) => row);
}

function compare(a, b, sign) {
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined); // what is missing comes last
  const difference = a - b;
  if (a !== "" && b !== "" && !Number.isNaN(difference)) return sign * difference;
  return sign * a.localeCompare(b, "en", { numeric: true });
}
