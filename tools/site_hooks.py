"""What mkdocs calls while it builds the site: the pages are the repository's Markdown files, under their own paths.

mkdocs knows one folder of pages. Here the README, the results and the costs are pages, too, and pages link to code and
configs. So the site holds every Markdown file of the repository and whatever file they link to; a link to a file that
is not there stays dead, which `mkdocs build --strict` refuses.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("*.md", "docs/**/*.md", "benchmarks/*.md", "assets/*/*.md")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """mkdocs' event: the files that the site is made of."""
    from mkdocs.structure.files import File, Files

    of_the_theme = [file for file in files if not (ROOT / "docs" / file.src_uri).is_file()]
    ours = [*contents(), *map(str, config.extra_css)]
    return Files(of_the_theme + [File.generated(config, name, abs_src_path=str(ROOT / name)) for name in ours])


def on_page_markdown(markdown: str, **_: Any) -> str:
    """mkdocs' event: a page's text. GitHub wants pipes in a table's code escaped, Python-Markdown shows the escape."""
    return re.sub(r"`[^`\n]*`", lambda code: code[0].replace(r"\|", "|"), markdown)


def contents() -> list[str]:
    """Every page and every file that a page links to, by its path in the repository."""
    pages = sorted({path for pattern in PAGES for path in ROOT.glob(pattern)})
    found = {*pages, *(target for page in pages for target in linked(page) if target.is_file())}
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def linked(page: Path) -> Iterator[Path]:
    """The paths that a page links to, whether they exist or not; those that leave the repository are left out."""
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / link).resolve()
        if "://" not in link and target.is_relative_to(ROOT):
            yield target
