"""The configuration that differences are taken to, chosen before any score of the evaluation split is seen.

A baseline picked as the best row of the table it is compared in looks better than it is: with 9 equal methods 15 to
27 % of tables then claim that some row is worse. So the choice goes by what was fixed beforehand, or by the held-out
rows, which the evaluation split has no part in.
"""

import hashlib
import json
from collections.abc import Sequence, Set
from statistics import fmean
from typing import Any

from src.compare.grouping import Configuration, Group
from src.config import check_rule
from src.metrics.names import greater_is_better
from src.runs.history_reading import read_history
from src.runs.reading import Run
from src.runs.store import VERSION, Store

HOLDOUT = "holdout"


def choose_baseline(
    group: Group, wanted: str | Set[str] | None, store: Store | None = None
) -> tuple[Configuration | None, str]:
    """The baseline of a group, and the rule that it was chosen by.

    The configuration with the wanted label; else among those of the wanted method, or those that train everything, or
    all, the one with the best held-out score. Where held-out scores are not recorded, the one that trains most.

    Args:
        group: with at least one configuration.
        wanted: a label or a method; or the folders of the runs of the baseline.
        store: keeps held-out scores between calls.
    """
    entries = group.configurations
    if isinstance(wanted, Set):
        own = [entry for entry in entries if any(str(run.folder) in wanted for run in entry.runs)]
        return (own[0], "named beforehand") if own else (None, "")
    if exact := [entry for entry in entries if entry.label == wanted]:
        return exact[0], "named beforehand"
    if wanted:
        candidates, rule = [entry for entry in entries if entry.method == wanted], "named beforehand"
        if not candidates:
            return None, ""
    else:
        everything = [entry for entry in entries if entry.runs[0].trains_everything]
        candidates, rule = everything or list(entries), "it trains everything" if everything else ""
    if len(candidates) == 1:
        return candidates[0], rule or "the only one"
    return _best_held_out(candidates, group.metric, rule, store)


def _best_held_out(
    candidates: Sequence[Configuration], metric: str, rule: str, store: Store | None
) -> tuple[Configuration, str]:
    found = held_out([run for entry in candidates for run in entry.runs], metric, store)
    lead = f"{rule}; of {len(candidates)} such" if rule else f"of {len(candidates)}"
    scores = [[found[str(run.folder)] for run in entry.runs] for entry in candidates]
    if any(score is None for own in scores for score in own):
        most = max(candidates, key=lambda entry: entry.runs[0].params.trainable)
        return most, f"{lead} the one that trains most values, as held-out scores are not recorded"
    sign = 1 if greater_is_better(metric) else -1
    means = [sign * fmean(score for score in own if score is not None) for own in scores]
    return candidates[means.index(max(means))], f"{lead} the one with the best held-out score"


def held_out(runs: Sequence[Run], metric: str, store: Store | None = None) -> dict[str, float | None]:
    """Each run's metric on the held-out rows at the selected epoch, by folder; None where it is not recorded."""
    keys = {str(run.folder): _key(run, metric) for run in runs}
    known = store.results(list(keys.values())) if store else {}
    kept = {folder: known[key] for folder, key in keys.items() if key in known}
    found: dict[str, float | None] = {folder: v["score"] for folder, v in kept.items() if _is_sound(v)}  # type: ignore[misc]
    fresh = {str(run.folder): _held_out(run, metric) for run in runs if str(run.folder) not in found}
    if store and fresh:
        store.keep_results({keys[folder]: {"score": score} for folder, score in fresh.items()})
    return found | fresh


def _is_sound(kept: dict[str, Any]) -> bool:
    """Whether it is what is kept here: a store that was damaged costs time, and no comparison."""
    return kept.keys() == {"score"} and check_rule(kept["score"], "float | null")


def _held_out(run: Run, metric: str) -> float | None:
    """From the record; from the history of a run that was made before its record held it."""
    if (recorded := run.score(metric, HOLDOUT)) is not None:
        return float(recorded)
    epoch = run.record.epochs.get("selected")
    for line in read_history(run.folder):
        if line.event == "eval" and line.split == HOLDOUT and line.epoch == epoch:
            return line.number(metric)
    return None


def _key(run: Run, metric: str) -> str:
    parts = [VERSION, "held out", metric, str(run.folder), run.stamp]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
