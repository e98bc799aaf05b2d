"""The pages: no dead link, the reference as the config is, excerpts as the files are, a README that can be read."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from src.utils.paths import ROOT
from tools import config_reference, site_hooks

PAGES = sorted({path for pattern in site_hooks.PAGES for path in ROOT.glob(pattern)})
EXCERPT = re.compile(r"[Ff]rom\s\[[^]]+\]\(([^)]+)\):\n\n```\w+\n(.*?)```", re.DOTALL)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings: lower case, marks dropped, a dash for each space."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = (re.sub(r"[`*]|\]\([^)]*\)", "", line) for line in re.findall(r"^#+ (.*)", text, re.MULTILINE))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    missing = [path for path in site_hooks.linked(page) if not path.exists()]
    assert missing == []
    for link, anchor in re.findall(r"\]\(([^)\s]*?)#([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in link:
            assert anchor in anchors((page.parent / link) if link else page), f"{link}#{anchor}"


def test_every_page_is_in_the_site_and_reached_from_the_readme():
    """Also from pages that the README leads to: what nobody can find is not written."""
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page not in seen and page.suffix == ".md":
            seen.add(page)
            todo += [path for path in site_hooks.linked(page) if path.exists()]
    assert [name(page) for page in PAGES if page not in seen] == []
    assert [name(page) for page in PAGES if name(page) not in menu and "assets" not in page.parts] == []


def test_the_reference_is_up_to_date():
    assert config_reference.PAGE.read_text(encoding="utf-8") == config_reference.page(), (
        "python -m tools.config_reference writes it anew"
    )


def test_the_reference_has_every_key_that_can_be_set():
    from src.config.key_rules import RULES
    from src.config.training_keys import DECIDED_BY_THE_RUN, training_rules

    shown = set(re.findall(r"^\| `([\w.]+)`", config_reference.page(), re.MULTILINE))
    nodes = {node for node in RULES if node} | {"training"}
    fixed = {f"{node}.{key}".lstrip(".") for node, table in RULES.items() for key in table} - nodes
    assert sorted(fixed - shown) == []
    assert sorted({f"training.{key}" for key in {*training_rules(), *DECIDED_BY_THE_RUN}} - shown) == []
    assert {"model.lora.r", "model.lsr.coupling", "model.peft.use_dora", "hydra.launcher.memory_share"} <= shown


def test_a_comment_goes_with_its_key(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text(
        "# Head.\na: 1  # one\nb:  # a node\n  c: [x, y]  # two\n             # lines\n  d: 'x # y'\ne: {f: 1}\n"
    )
    found = [(e.key, e.default, e.comment) for e in config_reference.entries(file)]
    assert found == [("a", "1", "one"), ("b.c", "[x, y]", "two lines"), ("b.d", "'x # y'", ""), ("e", "{f: 1}", "")]
    assert config_reference.describe(file) == "Head."


def test_excerpts_are_what_the_files_say():
    """A block below "From [file](path):" stands in that file, line for line."""
    shown = [(page, *found) for page in PAGES for found in EXCERPT.findall(page.read_text(encoding="utf-8"))]
    assert len(shown) >= 9
    for page, path, block in shown:
        assert block.rstrip("\n") in (page.parent / path).resolve().read_text(encoding="utf-8"), f"{name(page)}: {path}"


def test_the_readme_is_short_and_has_its_parts():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.encode()) <= 10 * 1024
    parts = re.findall(r"^## (.*)", text, re.MULTILINE)
    assert parts[:4] == ["For whom", "What it needs", "Quickstart", "Your own CSV"]
    assert {"Four words", "Methods", "What we found", "On your machines", "Why trust it", "Limits"} <= set(parts)
    for word in ("run", "configuration", "study", "verdict"):
        assert f"- **{word}**: " in text
    found = text.partition("## What we found")[2].partition("\n## ")[0]
    rows = [line for line in found.splitlines() if line.startswith("| ")][1:]
    assert 1 <= len(rows) <= 8 and all(re.search(r"\[.+, .+\]|quartiles", row) for row in rows)


def test_every_number_of_the_findings_stands_in_the_results():
    found = (ROOT / "README.md").read_text(encoding="utf-8").partition("## What we found")[2].partition("\n## ")[0]
    tables = "".join((ROOT / file).read_text(encoding="utf-8") for file in ("RESULTS.md", "benchmarks/README.md"))
    numbers = re.findall(r"[-+]?\d\.\d{2,4}", found)
    assert len(numbers) > 15
    assert [number for number in numbers if number not in tables] == []


def test_pages_say_the_name_and_no_old_one():
    for page in PAGES:
        if page.name != "CHANGELOG.md":
            assert not re.search(r"PEFT[ _]ARENA", page.read_text(encoding="utf-8"), re.IGNORECASE), name(page)


def test_the_table_of_results_leads_to_every_table():
    text = (ROOT / "RESULTS.md").read_text(encoding="utf-8")
    sections = [anchor for anchor in anchors(ROOT / "RESULTS.md") if anchor != "results"]
    assert [anchor for anchor in sections if f"(#{anchor})" not in text] == []
    order = [text.index(f"## {heading}") for heading in re.findall(r"^## (.*)", text, re.MULTILINE)]
    assert all(first < second for first, second in pairwise(order))


def test_the_layout_names_every_room_and_nothing_else():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Layout")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([\w/.]+/[\w/.]*)`", text))
    inner = {path.name for path in ROOT.glob("src/*/*") if path.is_dir()}
    assert [path for path in named if not (ROOT / path).exists() and path.strip("/") not in inner] == []
    rooms = {f"src/{path.name}/" for path in (ROOT / "src").iterdir() if (path / "__init__.py").exists()}
    assert sorted(rooms - named) == []
