"""The typed record: what a file says is what its fields are, and nothing is written that it has no field for."""

import json

import pytest

from src.runs.fields import fields_of
from src.runs.history_reading import last_lines, read_history
from src.runs.layout import RunFolder
from src.runs.reading import find_runs, load_record, read_record, unchecked_record
from src.runs.record import write_killed, write_record
from src.runs.run_record import RunRecord
from src.runs.schema import RecordError
from src.utils.errors import UserError
from tests.compare.factory import ALPHA, make_run


@pytest.fixture
def run(tmp_path):
    return RunFolder(make_run(tmp_path / "run", ALPHA, seed=3))


def write(run: RunFolder, text: str) -> None:
    run.path.mkdir(exist_ok=True)
    run.result.write_text(text, encoding="utf-8")


def test_every_value_of_a_file_is_its_fields(run):
    written, record = json.loads(run.result.read_text()), load_record(run.path)
    assert record.content == written
    assert written.keys() <= fields_of(RunRecord).keys()
    for key in ("status", "method", "seed", "selection", "started", "max_length", "data_fingerprint", "adapter_bytes"):
        assert getattr(record, key) == written[key] is not None
    assert record.params.adapter == written["params"]["adapter"] and record.params.content == written["params"]
    assert record.time.train_s == written["time"]["train_s"]
    assert record.memory.peak_rss_mb == written["memory"]["peak_rss_mb"]
    assert record.rows == written["rows"] and record.git.commit == written["git"]["commit"]
    assert record.score == written["metrics"]["selected"]["accuracy"] == record.scores()["accuracy"]
    assert record.scores("best")["f1"] == written["metrics"]["best"]["f1"]
    assert record.config.model.name == written["config"]["model"]["name"]


def test_what_is_missing_or_null_is_the_default(run):
    write(run, json.dumps({"schema_version": 1, "status": "ok", "flags": None, "metrics": {"best": None}}))
    record = load_record(run.path)
    assert record.flags == () and record.tasks == () and record.rows == {} and record.identity == {}
    assert record.score is None and record.scores("best") == {} == record.scores("last")
    assert record.error.line == "" and record.training.precision is None and record.alone
    assert "flags" in record.content and "tasks" not in record.content


def test_a_record_that_is_none_says_at_most_what_became_of_its_run(run, tmp_path):
    assert read_record(tmp_path / "nowhere") == RunRecord()
    write(run, '{"status": "ok", "seed": "three"}')
    assert read_record(run.path) == RunRecord(status="ok")
    with pytest.raises(RecordError, match="seed='three' breaks the rule"):
        load_record(run.path)
    write(run, "{half")
    assert read_record(run.path) == unchecked_record(run.path) == RunRecord()


def test_whose_folder_it_is_can_be_seen_of_a_damaged_record(run):
    """Of a record that breaks rules the rest is still there: the folder must not be taken for an empty one."""
    odd = {"schema_version": 7, "status": "finished?", "seed": -1, "method": "lora", "identity": {"config": "c"},
           "primary_metric": {"name": "f1", "value": 42, "split": 3}, "metrics": {"best": {"f1": "x"}}}  # fmt: skip
    write(run, json.dumps(odd))
    record = unchecked_record(run.path)
    assert record.content == odd
    assert (record.status, record.seed, record.method) == (None, 0, "lora")
    assert record.identity == {"config": "c"} and record.scores("best") == {}
    assert record.primary_metric.name == "f1" and record.primary_metric.split is None


def test_a_field_that_no_record_has_is_not_written(tmp_path):
    with pytest.raises(TypeError, match="no field sed"):
        write_record(tmp_path, {"status": "running", "sed": 3})
    assert not RunFolder(tmp_path).result.exists()


def test_the_end_of_a_killed_run_is_written_into_its_record(run):
    before = json.loads(run.result.read_text())
    write_killed(run.path, "its process was killed")
    assert json.loads(run.result.read_text()) == before, "a run that is finished is not killed"
    write(run, json.dumps(before | {"status": "running", "of_tomorrow": [1]}))
    write_killed(run.path, "its process was killed")
    after = json.loads(run.result.read_text())
    error = {"type": "Killed", "message": "its process was killed", "traceback": None}
    assert after == before | {"status": "failed", "of_tomorrow": [1], "error": error}
    assert list(after) == [*before, "of_tomorrow"]


def test_a_line_of_a_history(run):
    run.history.write_text(
        '{"event": "train", "step": 1, "loss": 0.5}\n'
        '{"event": "eval", "step": 2, "epoch": 1.0, "split": "holdout", "f1": 0.25, "note": "x"}\n'
        '{"event": "eval", "step": -2, "split": "holdout"}\n'
        '{"event": "train", "st'
    )
    first, second = read_history(run.path)
    assert (first.event, first.step, first.epoch, first.values) == ("train", 1, None, {"loss": 0.5})
    assert (second.split, second.epoch, second.number("f1"), second.number("note")) == ("holdout", 1.0, 0.25, None)
    assert last_lines(run.path) == [first, second]
    with pytest.raises(UserError, match="line 3: step=-2 breaks the rule"):
        read_history(run.path, strict=True)


def test_a_packed_run_has_no_time_or_memory_of_its_own(run):
    (own,) = find_runs([run.path])
    assert own.train_s and own.samples_per_s and own.peak_mb and own.trains_everything is False
    write(run, json.dumps(json.loads(run.result.read_text()) | {"packed": {"mode": "packed"}}))
    (own,) = find_runs([run.path])
    assert own.problem is None and (own.train_s, own.samples_per_s, own.peak_mb) == (None, None, None)
