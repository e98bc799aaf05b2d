"""A study from its locked plan to its evidence: tune every arm alike, then add seeds until each row is settled."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from src.study.evidence import Evidence, write_evidence
from src.study.laps import Lap
from src.study.looks import Finding, look
from src.study.question import Question
from src.study.race import race
from src.study.study_arms import StudyArm
from src.study.study_folder import RUNS
from src.study.tuning import tuned_settings
from src.sweep.compose import Composer
from src.sweep.sweep import finish, make_jobs, raise_unless_finished

log = logging.getLogger(__name__)


def run_study(
    question: Question, arms: Sequence[StudyArm], compose: Composer, launcher: Launcher, folder: Path, cfg: DictConfig
) -> Evidence:
    """Run what the plan asks for and is not done; the same command in the same folder goes on where it was cut short.

    What a look finds follows from the runs that it looks at, so it is worked out anew from the first look on.

    Args:
        question: as it was locked.
        arms: of the question.
        compose: from overrides to a composed config with Hydra's node.
        launcher: runs the jobs.
        folder: the study's.
        cfg: the composed config of the command.

    Returns:
        The runs that count, and what each look has found.

    Raises:
        UserError: if a run failed or is left unfinished; a method that cannot run settles nothing.
    """
    arms, laps = _racers(question, arms, compose, launcher, folder, cfg)
    chosen = tuned_settings(question, arms, compose, launcher, folder, cfg)
    runs: dict[str, str] = {}
    findings: dict[str, Finding] = {}
    history: list[dict[str, Finding]] = []
    for number, seeds in enumerate(question.looks):
        wanted = _wanted(question, arms, findings)
        log.info("look %d of %d: %d seeds of %s", number + 1, len(question.looks), seeds, ", ".join(wanted))
        runs |= _train(arms, wanted, chosen, seeds, compose, launcher, folder, cfg)
        findings = look(question, arms, runs, folder / RUNS, number, findings)
        history.append(findings)
        evidence = Evidence(runs, tuple(history), chosen, laps)
        write_evidence(folder, evidence)
        if all(found.stopped for found in findings.values()):
            break
    return evidence


def _racers(
    question: Question, arms: Sequence[StudyArm], compose: Composer, launcher: Launcher, folder: Path, cfg: DictConfig
) -> tuple[Sequence[StudyArm], dict[str, Lap]]:
    """The arms that go on after the race, all of them without one, and what the others have shown."""
    if not question.race["share"]:
        return arms, {}
    laps = race(question, arms, compose, launcher, folder, cfg)
    return [arm for arm in arms if laps[arm.name].dropped is None], laps


def _train(
    arms: Sequence[StudyArm], wanted: Sequence[str], chosen: Mapping[str, Sequence[str]], seeds: int, compose: Composer,
    launcher: Launcher, folder: Path, cfg: DictConfig,
) -> dict[str, str]:  # fmt: skip
    """Train the first seeds of the arms that are wanted; the arm's name by the name of each run's folder."""
    made = {
        job.name: (arm.name, job)
        for arm in arms
        if arm.name in wanted
        for seed in range(seeds)
        for job in make_jobs([arm.run_overrides(chosen[arm.name], cfg.seed + 1 + seed)], compose, folder / RUNS)
    }
    jobs = [job for _, job in made.values()]
    outcomes = finish(jobs, launcher, cfg.sweep)
    raise_unless_finished([job.name for job in jobs], [outcomes[job.name] for job in jobs], "runs of the study")
    return {name: arm for name, (arm, _) in made.items()}


def _wanted(question: Question, arms: Sequence[StudyArm], findings: Mapping[str, Finding]) -> list[str]:
    """The arms that get more seeds: those that go on, and the baseline on the same tasks."""
    going = [arm for arm in arms if not (arm.name in findings and findings[arm.name].stopped)]
    tasks = {arm.task for arm in going if arm.method != question.baseline}
    return [arm.name for arm in going if arm.task in tasks]
