"""The report in a real browser, opened from a file, with the network off."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from src.compare.comparison import compare_runs
from src.compare.present.table_sentences import verdict
from src.compare.report import write_report
from src.compare.verdicts import with_verdicts
from src.runs.reading import find_runs
from tests.compare.factory import ALPHA, EVERYTHING, METHODS, NOTHING, make_run, make_sweep

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SIZE: Any = {"width": 1280, "height": 900}
SET_MARGIN = """margin => {
    Object.assign(STATE[0], { margin, judged: judge(DATA.groups[0], STATE[0].baseline, margin) });
    showVerdicts(0);
}"""
EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    make_sweep(folder / "runs", ranks=(2, 4, 16))
    return written(folder)


@pytest.fixture(scope="module")
def runs(report):
    return find_runs([Path(report.removeprefix("file://")).parent / "runs"])


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A report of runs whose name, override value and error text are markup."""
    folder = tmp_path_factory.mktemp("hostile")
    name = EVIL.replace("/", "\u2215")  # a folder's name has no slash
    for seed in range(3):
        make_run(folder / "runs" / f"{seed}{name}", ALPHA, seed, settings={"init": EVIL})
        make_run(folder / "runs" / f"{seed}", ALPHA, seed, settings={"init": "plain"}, skill=0.7)
    make_run(folder / "runs" / "failed", status="failed", error={"message": EVIL, "type": "X"})
    return written(folder)


@pytest.fixture
def page(browser, report):
    yield from opened(browser, report)


@pytest.fixture(scope="module")
def seen(browser, report):
    """A page that tests look at and leave as it was."""
    yield from opened(browser, report)


def written(folder: Path) -> str:
    write_report(compare_runs(find_runs([folder / "runs"]), resamples=200), folder / "report.html")
    return (folder / "report.html").as_uri()


def opened(browser, url, **options):
    """A page whose every request but the file's own is refused, and which must have had nothing to say at the end."""
    said: list[str] = []
    context = browser.new_context(viewport=SIZE, **options)
    context.set_offline(True)
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    def refuse(route):
        if route.request.url != url:
            said.append(f"asked for {route.request.url}")
            route.abort()
        else:
            route.continue_()

    page.route("**/*", refuse)
    page.goto(url)
    yield page
    context.close()
    assert said == []


def labels(page) -> list[str]:
    return page.locator("#group-0 table.rows tbody tr:visible .open").all_inner_texts()


def plot(page, name):
    """A plot, drawn."""
    node = page.locator(f'#group-0 [data-plot="{name}"]')
    node.locator(".main-svg").first.wait_for(state="attached")
    return node


def test_every_plot_is_drawn_without_scrolling(seen):
    seen.wait_for_selector("body[data-drawn=all]")
    assert seen.evaluate("scrollY") == 0
    plots = seen.locator(".plot")
    assert plots.count() == 12  # three of cost, two of curves, one of r, for two tasks
    for node in plots.all():
        assert node.locator(".scatterlayer .trace").count() > 0, node.get_attribute("data-plot")
    names = plot(seen, "parameters").locator(".annotation-text").all_text_contents()
    assert "everything" in names, "points are named in the plot"


def test_the_table_fits_and_its_last_column_is_seen(seen):
    seen.set_viewport_size({"width": 1200, "height": 900})
    box = seen.locator("#group-0 .scroll").first
    assert box.evaluate("node => node.scrollWidth <= node.clientWidth")
    seen.evaluate(SET_MARGIN, 0.1)
    assert "equivalent within ±0.1" in verdicts(seen).values()
    assert box.evaluate("node => node.scrollWidth <= node.clientWidth"), "with the longest verdict, too"
    seen.evaluate(SET_MARGIN, None)
    seen.set_viewport_size(SIZE)
    assert seen.locator("#group-0 thead th:visible").count() <= 9  # eight columns, one of them drawn beside its numbers


def verdicts(page) -> dict[str, str]:
    """By configuration the verdict that the page shows."""
    rows = page.locator("#group-0 table.rows tbody tr")
    return dict(rows.evaluate_all(
        """rows => rows.map(row => [row.querySelector(".open").innerText,
                                    row.querySelector(".c-verdict").firstChild?.textContent ?? ""])"""
    ))  # fmt: skip


def test_another_baseline_and_margin_give_the_verdicts_of_python(page, runs):
    """Held against new comparisons, with the best row, the middle one and the last as the baseline."""
    names = list(verdicts(page))
    for baseline in (names[0], names[5], names[-1]):
        (table, *_) = compare_runs(runs, baseline, resamples=200).tables
        for margin in (None, 0.004, 0.03, 0.09, 0.2):
            page.evaluate(
                """([label, margin]) => {
                    const group = DATA.groups[0];
                    STATE[0].baseline = group.rows.findIndex((row) => row.label === label);
                    STATE[0].margin = margin;
                    STATE[0].judged = judge(group, STATE[0].baseline, margin);
                    showVerdicts(0);
                }""",
                [baseline, margin],
            )
            rows = with_verdicts(table.rows, baseline, margin, table.lower_is_better)
            told = replace(table, margin=margin)
            assert verdicts(page) == {row.label: verdict(row, told) or "baseline" for row in rows}, (baseline, margin)


def test_the_menu_and_the_slider(page):
    first = verdicts(page)
    menu, slider = page.locator("#group-0 select.baseline"), page.locator("#group-0 input.margin")
    menu.select_option(label="nothing")
    assert verdicts(page)["nothing"] == "baseline" and verdicts(page)["everything"] == "better"
    assert "minus nothing" in page.locator("#group-0 th.c-difference").inner_text()
    assert "what was set is baseline everything" in page.locator("#group-0 .changed").inner_text()
    slider.focus()
    page.keyboard.press("End")
    assert page.locator("#group-0 .margin-value").inner_text().startswith("±")
    page.get_by_role("button", name="As it was set").first.click()
    assert verdicts(page) == first and page.locator("#group-0 .changed").is_hidden()


def test_the_forest_stands_in_the_rows(seen):
    drawn = seen.locator("#group-0 td.c-forest .dot")
    assert drawn.count() >= 8
    named = seen.locator("#group-0 .forest-box[role=img]").first.get_attribute("aria-label")
    assert re.fullmatch(r"[+-]?0\.\d{4}, from [+-]?0\.\d{4} to [+-]?0\.\d{4}", named)
    assert seen.locator("#group-0 .forest-box .cut.left").count() >= 1  # nothing is far behind
    assert any(letter.isdigit() for letter in seen.locator("#group-0 .forest-axis").inner_text())


def test_three_curves_stand_out_and_others_take_their_place(page):
    chosen = page.locator("#group-0 .chosen")
    assert chosen.locator('[aria-pressed="true"]').count() == 3
    button = chosen.get_by_role("button", name="nothing", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert chosen.locator('[aria-pressed="true"]').count() == 3
    assert "nothing" in plot(page, "steps").locator(".annotation-text").all_text_contents()


def test_the_matrix_says_each_verdict(seen):
    marks = seen.locator("table.heat td .mark")
    assert marks.count() == 20 and set(marks.all_inner_texts()) <= set(
        "▲▼≈?○"
    )  # ten rows beside the baseline, two tasks
    assert "+" in marks.first.get_attribute("aria-label") or "-" in marks.first.get_attribute("aria-label")
    assert seen.locator("#tasks .said").first.inner_text().startswith("Averaged over these 2 tasks")


@pytest.mark.parametrize("name", ["table.csv", "table.tex", "records.json"])
def test_the_files_of_the_page(seen, name):
    with seen.expect_download() as waited:
        seen.locator(f'[data-file="{name}"]').click()
    text = Path(waited.value.path()).read_text(encoding="utf-8")
    assert waited.value.suggested_filename == name
    assert {"table.csv": "everything", "table.tex": r"\toprule", "records.json": '"learning_rate"'}[name] in text


def test_everything_that_can_be_used_has_a_name(seen):
    bare = seen.evaluate(
        """() => [...document.querySelectorAll("button, select, input, a[href], [tabindex], [role=img]")]
              .filter((node) => !node.closest(".plot") && node.id !== "main")
              .filter((node) => !(node.textContent.trim() || node.getAttribute("aria-label") || node.labels?.length))
              .map((node) => node.outerHTML.slice(0, 80))"""
    )
    assert bare == []


def test_cards_on_a_phone(page):
    page.set_viewport_size({"width": 400, "height": 800})
    row = page.locator("#group-0 table.rows tbody tr").first
    assert row.evaluate("node => getComputedStyle(node).display") == "grid"
    assert page.locator("#group-0 thead").is_hidden()
    page.locator("#group-0 .sort").select_option(label="adapter values")
    assert labels(page)[0] == "everything"
    assert all(node.bounding_box()["width"] <= 400 for node in page.locator("#group-0 tbody tr").all())


def test_sorting(page):
    before = labels(page)
    button = page.locator("#group-0 thead button", has_text="adapter")
    heading = page.locator("#group-0 thead th", has=page.locator("button", has_text="adapter"))
    headings = page.locator("#group-0 thead th").all_inner_texts()
    place = 1 + next(i for i, text in enumerate(headings) if "adapter" in text)
    cells = page.locator(f"#group-0 table.rows tbody tr td:nth-child({place})")

    def numbers():
        return [int(text.replace(",", "")) for text in cells.all_inner_texts()]

    assert numbers() != sorted(numbers(), reverse=True)
    button.focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert numbers() == sorted(numbers(), reverse=True)
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert numbers() == sorted(numbers())
    assert labels(page) != before
    assert sorted(labels(page)) == sorted(before)


def test_filtering_narrows_table_and_plots(page):
    points = plot(page, "parameters").locator(".scatterlayer .point")
    assert points.count() == 11
    page.get_by_label("Filter").first.fill("alpha r=16")
    assert labels(page) == ["alpha r=16"]
    assert points.count() == 1
    page.get_by_label("Filter").first.fill("")
    page.locator("#group-0 .legend button", has_text="alpha").click()
    assert len(labels(page)) == 7
    assert not any(label.startswith("alpha") for label in labels(page))
    assert points.count() == 7


def test_hovering_and_clicking_a_point(page):
    node = plot(page, "parameters")
    page.get_by_label("Filter").first.fill("alpha r=16")
    node.locator(".scatterlayer .point").first.hover(force=True)
    text = node.locator(".hoverlayer .hovertext")
    text.wait_for()
    assert "alpha r=16" in text.text_content()
    assert "dropout = 0.0" in text.text_content()
    box = node.locator(".scatterlayer .point").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator("dialog[open]").wait_for()
    assert page.locator("#runs-title").inner_text() == "alpha r=16"


def test_the_runs_of_a_configuration(page):
    page.locator("#group-0 .open", has_text="alpha r=16").click()
    dialog = page.locator("dialog[open]")
    assert dialog.locator(".run").count() == 3
    text = dialog.text_content()
    for found in ("r=16_toy_pairs", "learning_rate", "2.13.0+cpu", "05c56364b860", "a CPU"):
        assert found in text
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_dark_by_button_and_by_system(page, browser, report):
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    plot(page, "parameters")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    light = page.evaluate(ink)
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(ground) == "rgb(21, 24, 29)"
    assert page.evaluate(ink) != light
    for dark in opened(browser, report, color_scheme="dark"):
        assert dark.evaluate(ground) == "rgb(21, 24, 29)"


def test_print(page):
    page.get_by_role("button", name="Dark").click()
    assert page.locator("#theme").is_visible()
    page.emulate_media(media="print")
    assert not page.locator("#theme").is_visible()
    assert not page.get_by_label("Filter").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.locator('#group-1 [data-plot="seconds"] .main-svg').first.wait_for()  # drawn, though never in sight
    spread = page.locator("#group-0 figure").evaluate_all(
        """figures => figures.map(figure => [figure.querySelector(".main-svg").getBoundingClientRect().right
            - figure.getBoundingClientRect().right, figure.querySelector(".plot").scrollHeight])"""
    )
    assert all(over <= 0 and height <= 216 for over, height in spread), "each plot lies within its frame"
    assert page.pdf(print_background=True).startswith(b"%PDF")


def test_a_page_sent_to_the_printer_has_no_blank_sheet(page):
    """The browser prints before it has laid the paper out: there are as many sheets as where it has."""
    sheets = re.compile(rb"/Type\s*/Page\b")
    page.wait_for_selector("body[data-drawn=all]")
    at_once = len(sheets.findall(page.pdf()))
    page.emulate_media(media="print")
    assert at_once == len(sheets.findall(page.pdf())) > 1


def test_what_lies_far_off_is_cut_and_named(browser, tmp_path):
    """Three of four rows are close to each other: their intervals are wide enough to be read."""
    for method in (ALPHA, METHODS[1], METHODS[2], EVERYTHING, NOTHING):
        for seed in range(3):
            make_run(tmp_path / "runs" / f"{method.name}{seed}", method, seed)
    for page in opened(browser, written(tmp_path)):
        page.wait_for_selector("body[data-drawn=all]")
        row = page.locator("#group-0 table.rows tr", has_text="nothing")
        assert row.locator(".cut.left").count() == 1 and row.locator(".bar").count() == 0
        wide = page.locator("#group-0 td.c-forest .bar").evaluate_all(
            "bars => bars.map(bar => parseFloat(bar.style.width))"
        )
        assert len(wide) == 3 and min(wide) > 15, "per cent of the cell"
        names = page.locator("#group-0 .plot").first.locator(".annotation-text").all_text_contents()
        assert any(name.startswith("▼ nothing 0.") for name in names)


def test_a_narrow_page_does_not_scroll_sideways(page):
    page.set_viewport_size({"width": 400, "height": 800})
    page.wait_for_selector("body[data-drawn=all]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 402


def test_no_name_becomes_markup(browser, hostile):
    # Without the page's own policy, which would hide a hole in the escaping.
    for page in opened(browser, hostile, bypass_csp=True):
        node = plot(page, "parameters")
        page.locator("#group-0 .open", has_text="script").click()
        assert "onerror" in page.locator("dialog[open]").inner_text()
        page.keyboard.press("Escape")
        page.get_by_label("Filter").first.fill("script")
        node.scroll_into_view_if_needed()
        node.locator(".scatterlayer .point").first.hover(force=True)
        text = node.locator(".hoverlayer .hovertext")
        text.wait_for()
        assert "<img src=x" in text.text_content()
        assert page.evaluate("window.hacked") is None
        assert page.locator("img").count() == 0
