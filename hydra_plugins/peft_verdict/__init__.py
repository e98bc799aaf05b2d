"""Hydra finds sweepers and launchers in this package alone; what they do stands in src/sweep."""

import functools
import itertools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, configure_log
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

if TYPE_CHECKING:
    from src.sweep.compose import Composer
    from src.sweep.pool import Pool


class ResumingSweeper(Sweeper):
    """All combinations of the overrides, like Hydra's own sweeper; what is done is skipped, see src/sweep/sweep.py.

    Args:
        params: overrides that are part of every sweep.
    """

    def __init__(self, params: dict[str, str] | None = None) -> None:
        self.params = params or {}
        self.config: DictConfig
        self.hydra_context: HydraContext
        self.launcher: Launcher

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from src.config.launchers import check_launcher
        from src.sweep.sweep_job import execute
        from src.utils.redact import hide

        hide(config)
        check_launcher(OmegaConf.to_container(config.hydra.launcher, resolve=True))  # type: ignore[arg-type]
        with read_write(config), open_dict(config):
            # A relative folder would be looked for in the working folder of each worker.
            config.hydra.sweep.dir = str(Path(config.hydra.sweep.dir).expanduser().absolute())
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=execute, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        from src.sweep.sweep import make_jobs, run_sweep
        from src.sweep.sweep_plan import print_plan
        from src.utils.files import write_whole

        folder, settings = self._begin(), self.config.sweep
        jobs = make_jobs(self._combinations(arguments), self._compose, folder)
        if settings.plan:
            print_plan(jobs, folder)
            return []
        with self._working(folder):
            write_whole(folder / "multirun.yaml", OmegaConf.to_yaml(self.config))
            return run_sweep(jobs, self.launcher, folder, settings)

    def _begin(self) -> Path:
        """From here on a mistake is no longer Hydra's affair; returns the sweep's folder."""
        from src.cli import begin
        from src.config import check_node
        from src.sweep.sweep import refuse_torchrun

        begin()
        refuse_torchrun()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        check_node("sweep", self.config.sweep)
        return Path(self.config.hydra.sweep.dir)

    @contextmanager
    def _working(self, folder: Path) -> Iterator[None]:
        """Within the block the folder is the sweep's, and the same command goes on in it if the block is cut short."""
        from src.runs.claim import refuse_run
        from src.training.interrupt import interruptible
        from src.utils import resume_hint as resume
        from src.utils.places import make_folder, note_output

        refuse_run(folder)
        make_folder(folder)
        note_output(folder, "sweep.dir")
        resume.offer("sweep.dir", folder)
        with interruptible(), _closing(self.launcher):
            yield

    def _combinations(self, arguments: list[str]) -> list[list[str]]:
        texts = [*(f"{key}={value}" for key, value in self.params.items()), *arguments]
        overrides = OverridesParser.create(config_loader=self.hydra_context.config_loader).parse_overrides(texts)
        values = {override.get_key_element(): _spellings(override) for override in overrides}  # the last of a key wins
        batch = [list(combination) for combination in itertools.product(*values.values())]
        if not batch:
            raise HydraException("a sweep without a job: one of its lists of values is empty")
        return batch

    @functools.cached_property
    def _compose(self) -> "Composer":
        from src.sweep.compose import Composer
        from src.utils.redact import hide

        def composed(overrides: Sequence[str]) -> DictConfig:
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            hide(config)
            return config

        return Composer(composed)


def _spellings(override: Override) -> list[str]:
    """An override for each value that it sweeps over; itself if it sweeps over none."""
    key = override.get_key_element()
    if not override.is_sweep_override():
        return [override.input_line if override.is_delete() else f"{key}={override.get_value_element_as_str()}"]
    if not override.is_discrete_sweep():
        raise HydraException(f"{override.input_line}: a sweep has values to list: a,b,c or range(a,b)")
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


class TuningSweeper(ResumingSweeper):
    """All combinations of the overrides, each of them tuned, see src/tune/tune.py."""

    def sweep(self, arguments: list[str]) -> Any:
        from src.config import check_node
        from src.tune.tune import tune
        from src.utils import resume_hint as resume

        folder = self._begin()
        check_node("tune", self.config.tune)
        with self._working(folder):
            tune(self._combinations(arguments), self._compose, self.launcher, folder, self.config)
        resume.withdraw()


class StudySweeper(ResumingSweeper):
    """The runs of a study, see src/study/run_study.py; the overrides are those of every run.

    Args:
        study: a name of conf/study, or the path of a YAML.
        action: ``plan`` or ``run``.
        changes: ``study.KEY=VALUE``.
        params: none.
    """

    def __init__(
        self, study: str, action: str, changes: Sequence[str] = (), params: dict[str, str] | None = None
    ) -> None:
        super().__init__(params)
        self.study, self.action, self.changes = study, action, list(changes)

    def sweep(self, arguments: list[str]) -> Any:
        from src.study.conduct import conduct, plan
        from src.study.question import load_question
        from src.training.interrupt import interruptible
        from src.utils import resume_hint as resume
        from src.utils.errors import UserError

        folder = self._begin()
        own = [word for word in arguments if not word.startswith("sweep.")]  # those of the runs
        batch = self._combinations(own) if own else [[]]
        if len(batch) > 1:
            raise UserError("a study's overrides have one value each: what is compared stands in its file")
        question = load_question(self.study, self.changes).with_settings(batch[0])
        if self.action == "plan":
            with interruptible():
                plan(question, self._compose, folder)
            return
        with self._working(folder):
            conduct(question, self._compose, self.launcher, folder, self.config)
        resume.withdraw()


def _closing(launcher: Any) -> AbstractContextManager[Any]:
    """The end of what a launcher of ours keeps between its launches; Hydra's own launchers keep nothing."""
    return closing(launcher) if hasattr(launcher, "close") else nullcontext()


class PoolLauncher(Launcher):
    """Jobs in worker processes of this machine, see src/sweep/pool.py.

    Args:
        slots: jobs at a time where there is no GPU, or where ``share_gpus`` is false; null for one to a core.
        share_gpus: give every job one of this machine's GPUs.
        jobs_per_gpu: jobs that share one.
    """

    def __init__(
        self,
        slots: Annotated[int | None, "int >= 1 | null"] = None,
        share_gpus: Annotated[bool, "bool"] = False,
        jobs_per_gpu: Annotated[int, "int >= 1"] = 1,
    ) -> None:
        self.slots, self.share_gpus, self.jobs_per_gpu = slots, share_gpus, jobs_per_gpu
        self.pool: Pool | None = None
        self.fail_fast = False
        self.log: Path | None = None  # what the workers print

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.fail_fast = config.sweep.fail_fast
        self.log = Path(config.hydra.sweep.dir) / f"{config.hydra.job.name}.log"

    def launch_composed(self, configs: list[DictConfig]) -> Any:
        """The outcome of each job, None for those not started."""
        return self.workers().run(configs, self.fail_fast)

    def workers(self) -> "Pool":
        """The processes, which are kept from launch to launch: imports, backbone and data are loaded once."""
        from src.sweep.pool import Pool, gpu_slots

        if self.pool is None:
            slots = gpu_slots(self.jobs_per_gpu, self.slots) if self.share_gpus else [{}] * (self.slots or 1)
            self.pool = Pool(slots, self.log)
        return self.pool

    def close(self) -> None:
        """End the worker processes, which wait for the next launch."""
        if self.pool is not None:
            self.pool.close()

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        raise NotImplementedError("this launcher works with hydra/sweeper=resuming")


class PackedLauncher(PoolLauncher):
    """Many jobs at once over one frozen backbone, see src/packed/launch.py.

    Args:
        max_jobs: jobs at once, at most; null for as many as the memory holds.
        memory_share: of the free memory, how much may be filled.
        measure: time the first steps packed and one by one, and go on with what is faster.
    """

    def __init__(
        self,
        max_jobs: Annotated[int | None, "int >= 1 | null"] = None,
        memory_share: Annotated[float, "0 < float <= 1"] = 0.8,
        measure: Annotated[bool, "bool"] = True,
    ) -> None:
        super().__init__(slots=1, share_gpus=True)
        self.options = {"max_jobs": max_jobs, "memory_share": memory_share, "measure": measure}

    def launch_composed(self, configs: list[DictConfig]) -> Any:
        """The outcome of each job, None for those not started."""
        from src.packed.launch import launch_packed
        from src.packed.limits import Limits

        return launch_packed(configs, Limits(**self.options), self.workers(), self.fail_fast)
