"""What an earlier comparison kept is believed only where it is what is kept today."""

import sqlite3

import pytest

from src.compare.comparison import compare_runs
from src.runs.reading import find_runs
from src.runs.store import Store
from tests.damaged.mutants import ODD
from tests.damaged.readers import make_good

BODIES = [
    *(odd for odd in ODD[::4] if len(odd) < 20_000),
    "", "half {", '{"interval": 3}', '{"problem": 3}', b"\xff\xfe", 3, None,
    '{"interval": {"mean": "x"}, "difference": null, "consistency": null, "collapsed": null, "notes": []}',
    '{"interval": null, "difference": null, "consistency": 42, "collapsed": true, "notes": "x"}',
    '{"schema_version": 1, "status": "ok", "seed": "x"}',
]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("kept")
    make_good(root)
    return root


@pytest.mark.parametrize("table", ["records", "results"])
def test_a_damaged_body_is_worked_out_anew(runs, tmp_path, table):
    def compared():
        store = Store(tmp_path / "index.sqlite")
        return compare_runs(find_runs([runs], store), resamples=100, store=store)

    whole = compared()
    for body in BODIES:
        with sqlite3.connect(tmp_path / "index.sqlite") as database:
            assert database.execute(f"UPDATE {table} SET body = ?", (body,)).rowcount
        database.close()
        assert compared() == whole, body
