"""Figures for papers."""

from src.compare.comparison import compare_runs
from src.compare.present.figures import write_figures
from src.runs.reading import find_runs
from tests.compare.factory import ALPHA, METHODS, PAIRS, make_run, make_sweep


def test_pdf_and_png_of_every_figure(tmp_path):
    make_sweep(tmp_path / "runs", METHODS, tasks=(PAIRS,), ranks=(2, 16))
    comparison = compare_runs(find_runs([tmp_path / "runs"]), resamples=200)
    files = write_figures(comparison, tmp_path / "figures")
    assert sorted(files) == sorted((tmp_path / "figures").iterdir())
    kinds = {file.stem.split("toy_pairs_toy_")[1] for file in files}
    assert kinds == {"pareto", "differences", "curves_steps", "curves_seconds", "sweep_r"}
    for file in files:
        assert file.read_bytes().startswith(b"%PDF" if file.suffix == ".pdf" else b"\x89PNG")
    assert len(files) == 10


def test_names_from_runs_neither_leave_the_folder_nor_fail_to_draw(tmp_path):
    for seed in range(3):
        for start in ("$\\frac{", "plain"):
            make_run(tmp_path / "runs" / f"{seed}{len(start)}", ALPHA, seed, settings={"init": start}, data="../$x")
    comparison = compare_runs(find_runs([tmp_path / "runs"]), resamples=200)
    files = write_figures(comparison, tmp_path / "figures")
    assert files
    assert {file.parent for file in files} == {tmp_path / "figures"}
