"""The disk refuses a run's first word after taking it: the folder is as it was, or the record says failed."""

import json

import pytest

from src.runs import record as module
from src.runs.before import Before
from src.runs.record import Record
from src.utils.places import UnwritableError
from tests.conftest import NANO, compose_config


@pytest.fixture
def doubtful(monkeypatch):
    """The first write lands and is refused all the same, as where a folder cannot be synchronised."""
    write, calls = module.write_record, []

    def refuse(folder, fields):
        write(folder, fields)
        calls.append(folder)
        if len(calls) == 1:
            raise UnwritableError(f"{folder}: Input/output error")

    monkeypatch.setattr(module, "write_record", refuse)


def test_a_folder_that_was_empty_is_empty_again(doubtful, tmp_path):
    with pytest.raises(UnwritableError), Record(tmp_path, compose_config(*NANO), Before(tmp_path)):
        pytest.fail("no run begins")
    assert not (tmp_path / "result.json").exists()


def test_a_record_that_cannot_be_taken_back_says_failed(doubtful, tmp_path):
    with pytest.raises(UnwritableError), Record(tmp_path, compose_config(*NANO)):
        pytest.fail("no run begins")
    fields = json.loads((tmp_path / "result.json").read_text())
    assert fields["status"] == "failed" and fields["error"]["type"] == "UnwritableError"
