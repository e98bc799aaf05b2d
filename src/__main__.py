"""``python -m src COMMAND``: everything but training."""

import importlib
import sys
from pathlib import Path

from src.commands.table import RENAMED, commands
from src.utils.errors import UserError
from src.utils.paths import ROOT
from src.utils.terminal import prepare_process, say


def main() -> int:
    prepare_process()
    command, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("--help", [])
    if command in ("-h", "--help"):
        print("usage: python -m src COMMAND [ARGUMENTS]; python -m src COMMAND --help\n")
        print("\n".join(f"  {name:<10} {text}" for name, text in commands().items()))
        return 0
    if new := RENAMED.get(command):
        say(f"{command} is called {new} now", file=sys.stderr)
        command = new
    if command not in commands():
        say(f"error: {command}: no such command; choices: {', '.join(commands())}", file=sys.stderr)
        return 2
    _leave_working_folder()
    try:
        return importlib.import_module(f"src.commands.{command}").main(arguments) or 0
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
