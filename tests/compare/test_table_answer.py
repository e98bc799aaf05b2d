"""The sentences above a table, and the few columns that it has unless more are asked for."""

import io
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from rich.console import Console

from src.commands.compare import main as command
from src.compare.comparison import compare_runs
from src.compare.present.chosen_columns import CHOICES, FEW, PAPER, chosen_columns
from src.compare.present.formats import csv_text, json_text, latex, markdown
from src.compare.present.table_answer import MOST_SEEDS, answer, more_seeds, recommended
from src.compare.present.terminal_table import print_comparison
from src.compare.statistics.crossed import quantile
from src.compare.statistics.estimate import Estimate
from src.runs.reading import find_runs
from src.utils.text import latex as escaped
from tests.compare.factory import METHODS, PAIRS, make_run, make_sweep
from tests.compare.latex_form import PAGE, check_form, tabulars, widest


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    make_sweep(root, METHODS, seeds=3, tasks=(PAIRS,), ranks=(4, 16))
    return find_runs([root])


@pytest.fixture(scope="module")
def comparison(runs):
    return compare_runs(runs, "everything", resamples=300, margin=0.05)


def printed(comparison, width, **options) -> str:
    stream = io.StringIO()
    print_comparison(comparison, Console(file=stream, width=width), **options)
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_the_answer_comes_first_and_the_table_fits(comparison, width):
    text = printed(comparison, width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    table = next(number for number, line in enumerate(lines) if line.strip().startswith("method"))
    assert "Use " in "".join(lines[1:table]) and "Against everything" in " ".join(lines[1:table])
    assert text.count("─" * 10) >= 1 and len(re.findall(r"^ method ", text, re.MULTILINE)) == 1, "one table"
    for row in comparison.tables[0].rows:
        assert f"{row.mean:.4f}" in text
    assert ("No room for" in text) == (width < 100)


def test_at_most_eight_columns_unless_more_are_asked_for(comparison):
    (table,) = comparison.tables
    assert len(chosen_columns(table)) <= 8 == len(FEW)
    everything = chosen_columns(table, ["all"])
    assert len(everything) > 12
    asked = chosen_columns(table, ["method", "saved", "front"])
    assert [column.heading for column in asked] == ["method", "saved", "front"]
    wide = printed(comparison, 100, names=["all"])
    assert len(re.findall(r"^ method ", wide, re.MULTILINE)) > 1, "in blocks"


@pytest.mark.parametrize("name", CHOICES)
def test_every_name_is_a_column_of_some_table(comparison, name):
    rare = {"router": "delta", "collapsed": None}
    found = chosen_columns(comparison.tables[0], [name])
    assert len(found) == 1 or name in rare


def test_what_is_recommended_follows_from_the_verdicts(comparison):
    (table,) = comparison.tables
    verdicts = {row.label: row.verdict for row in table.rows}
    allowed = [row for row in table.rows if row.verdict == "better"] or [
        row for row in table.rows if row.verdict == "equivalent" or row.label == "everything"
    ]
    chosen = recommended(table)
    assert chosen is not None and chosen.trainable == min(row.trainable for row in allowed), verdicts
    assert recommended(replace(table, margin=None, rows=[replace(row, verdict=None) for row in table.rows])) is None


def test_one_seed_makes_no_claim_and_says_so_once(tmp_path):
    make_sweep(tmp_path, METHODS[:3], seeds=1, tasks=(PAIRS,))
    found = compare_runs(find_runs([tmp_path]), resamples=100)
    (said,) = answer(found.tables[0])
    assert said.startswith("No claim: fewer than 3 seeds")
    headings = [column.heading for column in chosen_columns(found.tables[0])]
    assert "verdict" not in headings and not any(heading.startswith("minus") for heading in headings)


def test_how_many_more_seeds_would_settle_it():
    """By trying: with k' seeds the seeds' part of the variance is k / k' of what it was."""
    gap = Estimate(0.01, -0.02, 0.04, 0.012, 6.0, limit=0.003)
    more = more_seeds(gap, 3, 0.05, 0.05)

    def settled(seeds: int) -> bool:
        error = (0.003**2 + (0.012**2 - 0.003**2) * 3 / seeds) ** 0.5
        degrees = 6.0 * seeds / 3
        return quantile(0.975, degrees) * error < 0.01 or quantile(0.95, degrees) * error < 0.04

    assert more == next(extra for extra in range(1, MOST_SEEDS + 1) if settled(3 + extra))
    assert more_seeds(replace(gap, mean=0.0, limit=0.04, standard_error=0.05), 3, 0.05, 0.05) is None


def test_csv_and_json_hold_everything_whatever_the_columns(comparison):
    assert csv_text(comparison, False, ["n"]) == csv_text(comparison)
    assert json_text(comparison, False, ["n"]) == json_text(comparison)
    assert markdown(comparison, False, ["method", "n"]).splitlines()[2] == "| method | n |"


def test_the_command_takes_columns(runs, capsys):
    folder = str(runs[0].folder.parent)
    command([folder, "--columns", "verdict,saved", "--resamples", "100", "--no-cache"])
    heading = next(line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("method"))
    assert heading.split()[0] == "method" and "saved" in heading and "time" not in heading
    with pytest.raises(SystemExit):
        command([folder, "--columns", "nope"])
    assert "choices: method" in capsys.readouterr().err


def test_a_papers_table_marks_what_may_be_best(comparison):
    text = latex(comparison, False, PAPER)
    tied = [row for row in comparison.tables[0].rows if row.tied]
    assert text.count(r"\textbf{") == len(tied) > 1
    assert r"\underline" not in text and r"\footnotesize" in text


def test_a_papers_table_has_the_form_and_the_width_of_a_page(comparison):
    """Where LaTeX is not installed, too: by a reading of its form, and Computer Modern's widths."""
    text = latex(comparison, False, PAPER)
    check_form(text)
    check_form(latex(comparison))
    assert 200 < widest(text) < PAGE < widest(latex(comparison))


def test_what_a_page_has_no_room_for_stands_below(tmp_path):
    """Long names of methods, and many tasks: each table is within the page, and no column is lost."""
    methods = [replace(METHODS[0], name="a_method_with_a_long_name_r_16"), METHODS[5]]
    tasks = [replace(PAIRS, name=f"toy_pairs_number_{number}") for number in range(6)]
    make_sweep(tmp_path, tuple(methods), 3, tuple(tasks))
    found = compare_runs(find_runs([tmp_path]), resamples=100)
    text = latex(found, False, PAPER)
    check_form(text)
    assert widest(text) < PAGE
    headings = [heading for _, (first, *_) in tabulars(text) for heading in first]
    wanted = [*found.matrices[0].tasks, *found.beside[0].headings]
    assert {escaped(heading) for heading in wanted} <= set(headings)
    assert len(tabulars(text)) > len(tabulars(latex(found)))


@pytest.mark.parametrize("broken", [
    lambda text: text.replace(" & ", " ", 1), lambda text: text.replace(r"\end{table}", ""),
    lambda text: text.replace(r"\caption{toy", r"\caption{{toy", 1), lambda text: text.replace(r"\_", "_", 1),
    lambda text: text.replace("$-$", "$-", 1), lambda text: text.replace(r"\midrule", r"\textquotedbl{}", 1),
    lambda text: text.replace("tabular}\n\\par", "table}\n\\par", 1),
])  # fmt: skip
def test_a_form_that_does_not_compile_is_seen(comparison, broken):
    text = latex(comparison, False, PAPER)
    assert broken(text) != text
    with pytest.raises((AssertionError, IndexError)):
        check_form(broken(text))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_a_papers_table_fits_its_page(comparison, tmp_path):
    body = latex(comparison, False, PAPER)
    page = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{body}\end{{document}}"
    (tmp_path / "page.tex").write_text(page)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "page.tex"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "Overfull" not in done.stdout


def test_nothing_learned_is_one_line_and_no_answer(tmp_path):
    from tests.compare.factory import change_predictions

    for seed in range(3):
        for name in ("a", "b"):
            change_predictions(make_run(tmp_path / f"{name}{seed}", METHODS[name == "b"], seed), prediction=1)
    text = printed(compare_runs(find_runs([tmp_path]), resamples=100), 100)
    assert text.count("Nothing was learned") == 1 and "Use " not in text
