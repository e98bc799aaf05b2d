"""Everything that is looked at inside trained adapters, as figures and numbers."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from src.analysis import drawings
from src.analysis.breakdown import breakdown
from src.analysis.forgetting import forgetting
from src.analysis.history import diagnostics
from src.analysis.movement import movement
from src.analysis.spectra import spectra
from src.analysis.subspace import subspaces
from src.analysis.svd_init import compare_inits
from src.analysis.trained_factors import RunFactors, load_factors, run_labels, task_name
from src.runs.reading import Run, find_runs
from src.runs.record import write_json
from src.utils.errors import UserError
from src.utils.files import filled
from src.utils.terminal import say
from src.utils.text import shown_path

RESULT = "analysis.json"


def analyse_runs(
    paths: list[Path], out: Path, loss: float | None, score: float | None, texts: Sequence[str] = ()
) -> None:
    """Analyse runs, write the figures and the numbers, and say what was left out; with texts, what was forgotten.

    Raises:
        UserError: if no run is finished, or the folder cannot be written.
    """
    drawings.pyplot()  # a missing package is found before the work, not after it
    runs = _finished(paths)
    labels = run_labels(runs)
    loaded, unread = _load(labels, runs)
    result = analyse(loaded, dict(zip(labels, runs, strict=True)), loss, score)
    if texts:
        found = forgetting(runs, texts)
        result["forgetting"] = [] if isinstance(found, str) else found
        result["left_out"] |= {"forgetting": found} if isinstance(found, str) else {}
    with filled(out):
        drawn = draw(result, out)
        result["without_adapters"] = unread
        write_json(out / RESULT, result)
    for name in [*drawn, RESULT]:
        say(out / name)
    for part in result["breakdown"]:
        say(f"{part['method']}: {part['verdict']}")
    for row in result.get("forgetting", []):
        change = f"{row['loss_before']:.4f} -> {row['loss_after']:.4f}"
        say(f"masked-LM loss {change} ({row['hidden_tokens']} hidden tokens): {row['run']}")
    for label, reason in unread.items():
        say(f"not looked into: {label}: {reason}")
    for part, reason in result["left_out"].items():
        say(f"left out: {part}: {reason}")


def analyse(
    loaded: list[RunFactors], runs: dict[str, Run], loss: float | None = None, score: float | None = None
) -> dict[str, Any]:
    """All parts of the analysis; ``left_out`` says of each that is missing why.

    Args:
        loaded: runs with adapters.
        runs: all runs by their labels.
        loss: target of the comparison of inits; see ``compare_inits``.
        score: likewise.
    """
    moved, unknown = movement(loaded), [f"{run.label}: {run.init_unknown}" for run in loaded if run.init_unknown]
    parts: dict[str, Any] = {
        "spectra": spectra(loaded) or "no run has adapters",
        "movement": moved or "; ".join(unknown) or "no run has low-rank adapters",
        "subspaces": subspaces(loaded) or "it needs two runs with low-rank adapters on the same layers of one backbone",
        "breakdown": breakdown(loaded),
        "router": diagnostics(runs) or "no run logged diagnostics: its method has no router",
        "starts": compare_inits(list(runs.values()), loss, score),
    }
    left_out = {name: reason for name, reason in parts.items() if isinstance(reason, str)}
    if moved and unknown:
        left_out["movement of some"] = "; ".join(unknown)
    return {
        "runs": {label: str(run.folder) for label, run in runs.items()},
        "left_out": left_out,
        **{name: [] if name in left_out else rows for name, rows in parts.items()},
    }


def draw(result: dict[str, Any], folder: Path) -> list[str]:
    """Draw every part that is there; return the files' names."""
    if result["spectra"]:
        drawings.draw_spectra(result["spectra"], folder / "spectra")
    if result["movement"]:
        drawings.draw_movement(result["movement"], result["spectra"], folder / "movement")
    if result["subspaces"]:
        drawings.draw_subspaces(result["subspaces"], folder / "subspaces")
    for found, name in _numbered(result["breakdown"], "breakdown"):
        drawings.draw_breakdown(found, folder / name)
    if result["router"]:
        drawings.draw_router(result["router"], folder / "router")
    for found, name in _numbered(result["starts"], "starts"):
        drawings.draw_inits(found, folder / name)
    return sorted(path.name for path in folder.iterdir())


def _numbered(parts: list[dict[str, Any]], name: str) -> Iterable[tuple[dict[str, Any], str]]:
    return ((part, name if len(parts) == 1 else f"{name}_{i}") for i, part in enumerate(parts, start=1))


def _finished(paths: list[Path]) -> list[Run]:
    found = find_runs(paths)
    usable = sorted(
        (run for run in found if run.problem is None), key=lambda run: (run.method, task_name(run), run.seed)
    )
    for run in found:
        if run.problem is not None:
            say(f"not looked into: {shown_path(run.folder)}: {run.problem}")
    if not usable:
        raise UserError(f"no finished run below {', '.join(map(str, paths))}")
    return usable


def _load(labels: list[str], runs: list[Run]) -> tuple[list[RunFactors], dict[str, str]]:
    """The runs with adapters, and of the others why they have none to look into."""
    loaded, unread = [], {}
    for label, run in zip(labels, runs, strict=True):
        try:
            factors = load_factors(label, run)
        except UserError as error:
            unread[label] = str(error)
            continue
        if factors.trained:
            loaded.append(factors)
        else:
            unread[label] = "its method adapts no Linear"
    return loaded, unread
