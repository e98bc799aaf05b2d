"""``python -m src verify PATH``: are a folder's or an archive's runs what they say, and come out again?"""

import argparse
from pathlib import Path

from src.utils.errors import UserError
from src.utils.terminal import say

MOST = 10_000


def main(arguments: list[str]) -> int:
    """Check runs, and train some of them again; returns the exit status.

    Raises:
        UserError: on a path that holds no finished run, or an option that makes no sense.
    """
    parser = argparse.ArgumentParser(
        prog="python -m src verify",
        description="Are these the files that the runs left, are their scores those of their predictions, and do their "
        "numbers come out again? Writes nothing into PATH, and runs nothing of it.",
        epilog="Exit status: 0 all equal or within the tolerance, 1 something differs, 2 something cannot be verified.",
    )
    parser.add_argument(
        "path", type=Path, metavar="PATH", help="a run, a folder above runs, or a .zip or .tar.gz of it"
    )
    parser.add_argument("--rerun", type=int, default=0, metavar="K", help="train so many of the runs again")
    parser.add_argument("--tolerance", type=float, metavar="X", help="distance that counts as rounding: of a score, "
                        "of the share of other answers, of a logit by the largest (default 1e-4)")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the reruns go (default: in outputs/verify)")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="overrides for the reruns, as "
                        "data.dir=FOLDER where the data lies elsewhere here")  # fmt: skip
    args = parser.parse_args(arguments)
    if not 0 <= args.rerun <= MOST:
        raise UserError(f"--rerun={args.rerun} breaks the rule: 0 <= int <= {MOST}")
    if args.tolerance is not None and not 0 <= args.tolerance < float("inf"):
        raise UserError(f"--tolerance={args.tolerance} breaks the rule: float >= 0")
    if (args.out or args.set) and not args.rerun:
        raise UserError("--out and --set are for --rerun K")
    from src.compare.alike import TOLERANCE
    from src.config.overrides import prepare_override
    from src.verify.show_findings import lines
    from src.verify.verify import Reruns, verify

    reruns = Reruns(args.rerun, args.out, [prepare_override(word) for word in args.set])
    tolerance = TOLERANCE if args.tolerance is None else args.tolerance
    result = verify(args.path, reruns, tolerance, lambda line: say(line, flush=True))
    for line in lines(result, args.path):
        say(line)
    return result.status
