"""``python -m src status [FOLDER]``: what of a sweep runs, is done or failed, and when it will end."""

import argparse
import time
from pathlib import Path

from src.utils.errors import UserError
from src.utils.terminal import say


def main(arguments: list[str]) -> None:
    """Say what of a folder's jobs runs, is done, failed, and when they will end.

    Raises:
        UserError: if there is no such folder, or no job in it.
    """
    parser = argparse.ArgumentParser(
        prog="python -m src status",
        description="What runs, is done, failed, and when it will end; from any terminal, and any machine that sees "
        "the folder. Writes nothing.",
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER",
                        help="a sweep, a run, or a folder above them (default: the newest sweep)")  # fmt: skip
    parser.add_argument("--watch", action="store_true", help="look again until nothing runs")
    parser.add_argument("--every", type=float, default=2.0, metavar="S", help="seconds between two looks (default 2)")
    args = parser.parse_args(arguments)
    if not 0.1 <= args.every <= 86_400:
        raise UserError(f"--every={args.every} breaks the rule: 0.1 <= float <= 86400")
    from src.runs.latest import latest_sweep
    from src.sweep.status import look
    from src.sweep.status_lines import lines

    folder = args.folder or latest_sweep()
    if not args.watch:
        for line in lines(look(folder)):
            say(line)
        return
    from rich.console import Console
    from rich.live import Live

    from src.utils.rich_text import Text

    console, before = Console(), ""
    with Live(console=console, auto_refresh=False) as live:
        while True:
            status = look(folder)
            first, *rest = lines(status)
            text = "\n".join([first, *rest])
            if console.is_terminal:
                live.update(Text(text), refresh=True)
            elif first != before:  # a pipe has one status for each job that starts or ends
                say(text, flush=True)
            before = first
            if not status.of("running"):
                return
            time.sleep(args.every)
