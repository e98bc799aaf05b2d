"""Every architecture with every method, merging, exporting, mixes and precisions: as the page's table says."""

import re

import pytest

from tests.backbones.capabilities import ARCHITECTURES, CAPABILITIES, PAGE, REASONS, UNTOLD, row, rows, walk

# One of each kind of head, of targets and of refusal; the others are like one of these.
FAMILIES = ("albert", "deberta", "modernbert", "roberta")
PAGE_ROWS = rows(PAGE.read_text(encoding="utf-8"))


def test_the_page_has_every_architecture_and_no_other_word():
    assert [*PAGE_ROWS] == [*ARCHITECTURES] and len(ARCHITECTURES) > 40
    for name, line in PAGE_ROWS.items():
        cells = [cell.strip() for cell in line.split("|")[2:-1]]
        assert len(cells) == len(CAPABILITIES)
        assert set(cells) <= {"yes", *REASONS}, f"{name}: {cells}"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_as_its_row_says(name, tmp_path):
    assert row(name, walk(name, tmp_path)) == PAGE_ROWS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*ARCHITECTURES} - {*FAMILIES}))
def test_every_architecture_is_as_its_row_says(name, tmp_path):
    assert row(name, walk(name, tmp_path)) == PAGE_ROWS[name]


def test_what_the_walk_cannot_tell_stands_on_the_page():
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert all(f"`{name}`: {reason}" in text for name, reason in UNTOLD.items())


def test_every_reason_is_explained_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    assert [reason for reason in REASONS if not re.search(rf"^- \*{re.escape(reason)}\*:", text, re.MULTILINE)] == []
