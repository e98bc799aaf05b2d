"""How the threads of one process wait for each other, which decides how it gets on beside other processes."""

import os


def share_the_cores() -> None:
    """Let threads that wait for others sleep, unless the user has said otherwise; before torch is loaded.

    OpenMP's threads spin for a millisecond by default. On cores that are all their own this saves a tenth of a small
    model's step; with any other busy process, the thread that all wait for is the one that is off its core, and a step
    takes 5 to 20 times as long. Sleeping changes no number.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
