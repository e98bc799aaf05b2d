"""The reviews, from an archive made here in the real one's shape; the real one has been run by hand."""

import hashlib
import io
import re
import tarfile

import pytest

from src.data.load import load_data
from src.data.sources import reviews
from src.utils.cache import cache_dir
from src.utils.errors import UserError

RATINGS = [round(-4 + 8 * n / 399, 5) for n in range(400)]


def pack(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def archive(monkeypatch):
    rows = [f"{n + 1}\t{rating}\tsentence {n % 390}" for n, rating in enumerate(RATINGS)]  # ten sentences stand twice
    content = pack(reviews.INNER, pack(reviews.TABLE, "\r\n".join(rows).encode()))
    monkeypatch.setattr(reviews, "SHA256", hashlib.sha256(content).hexdigest())
    path = cache_dir("reviews") / reviews.ARCHIVE
    path.write_bytes(content)
    return path


def test_intensity_is_the_mean_rating(archive, data_config):
    data = load_data(data_config("reviews_intensity"), holdout=False)
    assert sorted(rating for part in data.splits.values() for rating in part["label"][:]) == RATINGS
    assert not data.task.space.kind.has_classes


def test_polarity_is_its_sign_and_leaves_the_neutral_out(archive, data_config):
    data = load_data(data_config("reviews_polarity"), holdout=False)
    labels = [label for part in data.splits.values() for label in part["label"][:]]
    assert len(labels) == sum(abs(rating) > 0.25 for rating in RATINGS) < len(RATINGS)
    assert sum(labels) == sum(rating > 0.25 for rating in RATINGS)
    assert data.task.label_names == ("negative", "positive")


def test_split_is_by_sentence(archive, data_config):
    parts = [
        set(part["text"][:]) for part in load_data(data_config("reviews_intensity"), holdout=False).splits.values()
    ]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 390  # no sentence in two splits
    assert 290 < len(parts[0]) < 335  # 0.8 of 390 is 312, plus or minus three standard deviations of 7.9
    both = load_data(data_config("reviews_polarity"), holdout=False).splits["validation"]
    assert set(both["text"][:]) <= parts[1]  # the same split in both tasks


def test_wrong_archive_is_refused(archive, data_config):
    archive.write_bytes(b"something else")
    with pytest.raises(UserError, match=re.escape(f"{archive}: SHA-256 ")):
        load_data(data_config("reviews_polarity"), holdout=False)


def test_failing_pip_is_one_clear_error(data_config, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(
        UserError, match=r"pip could not fetch vaderSentiment-3\.3\.2\.tar\.gz.*No matching distribution"
    ):
        load_data(data_config("reviews_polarity"), holdout=False)
    assert not list(cache_dir("reviews").iterdir())


def test_real_archive_hash_is_pinned():
    assert re.fullmatch("[0-9a-f]{64}", reviews.SHA256)
