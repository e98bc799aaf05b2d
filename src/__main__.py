"""``python -m src COMMAND``: everything but training."""

import importlib
import sys
from pathlib import Path

from src.utils.errors import UserError
from src.utils.paths import ROOT
from src.utils.terminal import prepare_process, say

COMMANDS = {
    "tune": ("src.commands.tune:main", "tune every method with the same number of trials, then compare the winners"),
    "compare": ("src.commands.compare:main", "tabulate any set of run folders"),
    "audit": ("src.commands.audit:main", "what does a published table support?"),
    "verify": ("src.commands.verify:main", "are a folder's or an archive's runs what they say, and come out again?"),
    "status": ("src.commands.status:main", "what of a sweep runs, is done or failed, and when it will end"),
    "predict": ("src.commands.deploy:predict", "use a trained run: on a text, a file, or GLUE's test sets"),
    "merge": ("src.commands.deploy:merge", "write a trained run as a plain transformers model"),
    "export": ("src.commands.deploy:export", "write a trained run in the peft library's format, or read one of its"),
    "analyze": ("src.commands.analyze:main", "look inside trained adapters: figures and numbers"),
    "bench": ("src.commands.bench:main", "what every method costs on this machine in time and memory"),
    "doctor": ("src.commands.doctor:main", "what this machine has, and what of it a run would stumble over"),
    "planted": ("src.commands.analyze:planted", "which method recovers which known update, at an equal budget"),
}


def main() -> int:
    prepare_process()
    command, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("--help", [])
    if command in ("-h", "--help"):
        print("usage: python -m src COMMAND [ARGUMENTS]; python -m src COMMAND --help\n")
        print("\n".join(f"  {name:<10} {text}" for name, (_, text) in COMMANDS.items()))
        return 0
    if command not in COMMANDS:
        say(f"error: {command}: no such command; choices: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    _leave_working_folder()
    try:
        module, _, function = COMMANDS[command][0].partition(":")
        return getattr(importlib.import_module(module), function)(arguments) or 0
    except UserError as error:
        say(f"error: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        from src.utils.places import explain, place_error

        if (place := place_error(error)) is None:
            raise
        say(f"error: {explain(place)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _leave_working_folder() -> None:
    """Take the working directory from the places that modules are imported from: it may be a stranger's run folder.

    ``python -m`` puts it first, before the installed packages; most of these are imported only when they are needed.
    """
    here = Path.cwd()
    sys.path[:] = [str(ROOT), *(entry for entry in sys.path if entry and Path(entry).resolve() not in (here, ROOT))]


if __name__ == "__main__":
    sys.exit(main())
