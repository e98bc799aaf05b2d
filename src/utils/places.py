"""Folders that cannot be written to: one message with the folder, the reason, and what names another folder."""

import errno
import itertools
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from src.utils.errors import UserError

# What the system says of a place, and not of a program: it is full, read-only, another's, no folder, gone.
PLACE_ERRORS = frozenset({
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOTDIR, errno.EEXIST,
    errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EIO, errno.ESTALE, errno.ENOTEMPTY, errno.EBUSY,
})  # fmt: skip
WORDS = {errno.EEXIST: "a file is in the folder's place", errno.ENOTDIR: "a file is in a folder's place"}
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
OF_DISKS = FULL | {errno.EIO, errno.EROFS}  # what nobody raises and catches in passing
# Libraries turn the system's error into a text of their own: those in Rust (safetensors) keep its number, pyarrow its
# words, torch neither.
OF_RUST = re.compile(r"\(os error (\d+)\)")
OF_TORCH = ("PytorchStreamWriter", "unexpected pos", "iostream error")
WORDS_OF_PLACES = [re.escape(os.strerror(code)) for code in sorted(PLACE_ERRORS)]
HIDDEN = re.compile("|".join([*WORDS_OF_PLACES, OF_RUST.pattern, *OF_TORCH]))


_outputs: dict[str, str] = {}  # folders that this process was told to write to, and what names them


class UnwritableError(UserError):
    """A file or folder cannot be written; the message says why, and what names another place."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Within the block only ``path``, a file or a folder, is written.

    Raises:
        UnwritableError: in place of what the system or a library says of the place.
    """
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        raise UnwritableError(explain(error, path)) from error
    except Exception as error:
        if not HIDDEN.search(f"{error}\n{error.__context__}"):
            raise
        raise UnwritableError(explain(error, path)) from error


def note_output(folder: Path, key: str) -> None:
    """Remember that the override ``key`` names a folder, for messages on it."""
    _outputs[str(folder)] = f"{key}=FOLDER"


def make_folder(folder: Path) -> Path:
    """Make the folder with those above it; raises like ``writing``."""
    with writing(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except ValueError as error:  # a null character
            raise UnwritableError(f"{str(folder)!r} cannot be a folder: {error}") from error
    return folder


def place_error(error: BaseException) -> OSError | None:
    """The system's word on a place among the causes of an error, None if there is none.

    Such a word is of ``PLACE_ERRORS``, or it is about a file in a folder that the user chose: one that is gone, or what
    a file system of another kind refuses.
    """
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        if isinstance(found, OSError) and (found.errno in PLACE_ERRORS or _no_temporary(found) or _is_chosen(found)):
            return found
        # A library that tidies up after an error, or raises one of its own, keeps the first one as context.
        later = found.__context__
        found = found.__cause__ or (later if isinstance(later, OSError) and later.errno in OF_DISKS else None)
    return None


def explain(error: BaseException, path: Path | None = None) -> str:
    """One line: where, why, what helps.

    Args:
        error: of the system, or of a library that hides one.
        path: what was written; by default what the error names. Where it names nothing, as with a full disk, every
            folder without space is named, or else those that the command was told to write to.
    """
    code = error.errno if isinstance(error, OSError) else None
    named = getattr(error, "filename2", None) or getattr(error, "filename", None)
    if path is None and isinstance(error, OSError) and _no_temporary(error):
        return f"no temporary folder can be written to: {error.strerror}; TMPDIR=FOLDER names one"
    if path is None and isinstance(named, str | bytes | os.PathLike):
        path = Path(os.fsdecode(named))
    reason = WORDS.get(code) or os.strerror(code) if code else _reason(error, path)
    if path is None:
        full = [folder for folder in roots() if code in FULL and _is_full(_existing(Path(folder)))]
        if where := _with_help(folder for folder in roots() if folder in full):
            return f"{where}: {reason}; make room there, or name another folder"
        written = _with_help(_outputs)
        return f"{reason}, in what is written to: {written}" if code and written else str(error)
    if code in FULL or reason == os.strerror(errno.ENOSPC):
        return f"{path}: {reason}; make room there, or {what_helps(path)} names another folder"
    return f"{path}: {reason}; {what_helps(path)} names another folder"


def _with_help(folders: Iterable[str]) -> str:
    known = roots()
    return "; ".join(f"{folder} ({known[folder]})" for folder in folders)


def what_helps(path: Path) -> str:
    """The option, key or environment variable that names another place for a file."""
    whole = path.absolute()
    for name, value in reversed(list(_arguments())):
        if value and (_within(whole, Path(value)) or whole == Path(value).absolute().parent):
            return f"{name}FOLDER"
    known = sorted((folder for folder in roots() if _within(whole, Path(folder))), key=len)
    if known:
        return roots()[known[-1]]
    sweep = HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
    return "sweep.dir=FOLDER" if sweep or {"-m", "--multirun"} & set(sys.argv) else "hydra.run.dir=FOLDER"


def roots() -> dict[str, str]:
    """Folders that the environment names, and how."""
    variables = os.environ
    home = variables.get("HOME") or str(Path("~").expanduser())
    user_cache = variables.get("XDG_CACHE_HOME") or f"{home}/.cache"
    hub = variables.get("HF_HOME") or f"{user_cache}/huggingface"
    finer = ("HF_HUB_CACHE", "HF_DATASETS_CACHE", "HF_MODULES_CACHE", "HF_EVALUATE_CACHE")
    found = {
        home: "HOME=FOLDER",
        user_cache: "XDG_CACHE_HOME=FOLDER",
        variables.get("TMPDIR") or "/tmp": "TMPDIR=FOLDER",
        hub: "HF_HOME=FOLDER",
        variables.get("PEFT_VERDICT_CACHE") or f"{user_cache}/peft-verdict": "PEFT_VERDICT_CACHE=FOLDER",
    }
    found |= {variables[name]: f"{name}=FOLDER" for name in finer if variables.get(name)}
    config = HydraConfig.instance().cfg
    if config is not None and (folder := OmegaConf.select(config, "hydra.runtime.output_dir")):  # type: ignore[arg-type]
        sweep = HydraConfig.get().mode == RunMode.MULTIRUN
        found[str(folder)] = "sweep.dir=FOLDER" if sweep else "hydra.run.dir=FOLDER"
    return found | _outputs


def _arguments() -> Iterator[tuple[str, str]]:
    """What the command line names: ``("--out ", x)`` of ``--out x``, ``("sweep.dir=", x)`` of ``sweep.dir=x``."""
    for text, following in itertools.pairwise([*sys.argv[1:], ""]):
        name, equals, value = text.partition("=")
        if equals and (name.startswith("--") or "dir" in name):
            yield f"{name}=", value.strip("'\"")
        elif text.startswith("--"):
            yield f"{text} ", following


def _is_chosen(error: OSError) -> bool:
    """Whether an error of the system names a file below a folder that the user chose, by a key or a variable."""
    names = [name for name in (error.filename, error.filename2) if isinstance(name, str | bytes | os.PathLike)]
    chosen = [Path(folder) for folder, helps in roots().items() if not helps.startswith("HOME=")]
    return any(_within(Path(os.fsdecode(name)).absolute(), folder) for name in names for folder in chosen)


def _within(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder.expanduser().absolute())


def _no_temporary(error: OSError) -> bool:
    return error.errno == errno.ENOENT and "temporary directory" in str(error.strerror)


def _reason(error: BaseException, path: Path | None) -> str:
    """The system's words from a library's error; torch keeps none of them."""
    text = f"{error}\n{error.__context__}"
    if number := OF_RUST.search(text):
        return os.strerror(int(number[1]))
    for code in PLACE_ERRORS:
        if (words := os.strerror(code)) in text:
            return words
    if path is not None and _is_full(path.parent):
        return os.strerror(errno.ENOSPC)
    return "it cannot be written, the disk may be full"


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _is_full(folder: Path) -> bool:
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < 2**16
