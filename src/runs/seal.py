"""What a finished run's files held when it ended, as hashes in its record: a change since then is found by them.

A seal is no signature. Who changes a file and means to deceive can write a new seal, too; against that helps only to
train the run again.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from src.runs.content import content_hash
from src.runs.layout import ADAPTER, DESCRIPTION, HISTORY, PREDICTIONS, RESULT, SUMMARY, TENSORS
from src.runs.run_record import RunRecord

SEAL = "seal"  # its key in the record
# Without Hydra's own files: another process that finds the run finished may have written them anew.
SEALED = (PREDICTIONS, HISTORY, SUMMARY, f"{ADAPTER}/{DESCRIPTION}", f"{ADAPTER}/{TENSORS}")


def make_seal(folder: Path, fields: Mapping[str, object]) -> dict[str, object] | None:
    """The seal of a run that ends here.

    Args:
        folder: the run's.
        fields: of its record, as the file will hold them.

    Returns:
        ``record``, the hash of all its other fields, and ``files``, the hash of each file by its name; None where the
        disk refuses to give a file back.
    """
    try:
        files = {name: content_hash(folder / name) for name in SEALED if (folder / name).is_file()}
    except OSError:
        return None
    return {"record": record_hash(fields), "files": files}


def record_hash(fields: Mapping[str, object]) -> str:
    """SHA-256 of a record's fields but for the seal, in one spelling."""
    own = {key: value for key, value in fields.items() if key != SEAL}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()


def broken_seals(folder: Path, record: RunRecord) -> Iterator[tuple[str, str]]:
    """Each file that is not what the run has left, with what is wrong with it; nothing for a record without a seal.

    Weights may be left out of what is sent: a folder without an adapter at all has lost nothing.
    """
    if not record.seal.content:
        return
    if record_hash(record.content) != record.seal.record:
        yield RESULT, "was changed after the run"
    for name in SEALED:
        expected = record.seal.files.get(name)
        if expected is None or (name.startswith(f"{ADAPTER}/") and without_weights(folder)):
            continue
        try:
            found = content_hash(folder / name) if (folder / name).is_file() else None
        except OSError as error:
            yield name, f"cannot be read: {error.strerror or error}"
            continue
        if found is None:
            yield name, "is missing"
        elif found != expected:
            yield name, "was changed after the run"


def without_weights(folder: Path) -> bool:
    """Whether the run's adapter was left out of the folder."""
    return not (folder / ADAPTER).exists()
