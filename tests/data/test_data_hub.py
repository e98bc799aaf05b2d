"""Sets of the hub, with no hub: a local cache laid out as the `datasets` library leaves it."""

import re
import time

import datasets
import huggingface_hub
import pytest
from datasets import ClassLabel, Dataset, DatasetInfo, Features, Value

from src.data.load import load_data
from src.data.sources.hub import fetch
from src.utils.errors import UserError

NAMES = ["not_equivalent", "equivalent"]


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """Return a function that puts splits of a set into an otherwise empty cache of the library."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)

    def put(config: str, features: Features, splits: dict[str, list[dict]]) -> None:
        folder = tmp_path / "nyu-mll___glue" / config / "0.0.0" / "abc"
        folder.mkdir(parents=True)
        sizes = {name: {"name": name, "num_examples": len(rows)} for name, rows in splits.items()}
        info = DatasetInfo(features=features, splits=sizes, config_name=config, dataset_name="glue", version="0.0.0")
        info.write_to_directory(str(folder))
        for name, rows in splits.items():
            with datasets.arrow_writer.ArrowWriter(
                features=features, path=str(folder / f"glue-{name}.arrow")
            ) as writer:
                for row in rows:
                    writer.write(row)
                writer.finalize()

    return put


def mrpc_features(names=NAMES) -> Features:
    return Features(
        sentence1=Value("string"), sentence2=Value("string"), label=ClassLabel(names=names), idx=Value("int32")
    )


def mrpc_rows(labels) -> list[dict]:
    return [{"sentence1": f"x {n}", "sentence2": f"y {n}", "label": m, "idx": 7 * n} for n, m in enumerate(labels)]


def splits(train=(1, 0, 1), validation=(0, 1), test=(-1, -1)) -> dict[str, list[dict]]:
    return {"train": mrpc_rows(train), "validation": mrpc_rows(validation), "test": mrpc_rows(test)}


def test_cached_set_needs_no_network(hub_cache, data_config, capfd):
    hub_cache("mrpc", mrpc_features(), splits())
    data = load_data(data_config("mrpc"), holdout=False)
    assert data.splits["train"].to_dict() == {
        "idx": [0, 1, 2],  # the row, not the hub's idx
        "text": ["x 0", "x 1", "x 2"],
        "text_pair": ["y 0", "y 1", "y 2"],
        "label": [1, 0, 1],
    }
    assert "label" not in data.splits["test"].column_names  # -1 throughout
    assert capfd.readouterr() == ("", "")


def test_regression(hub_cache, data_config):
    features = Features(
        sentence1=Value("string"), sentence2=Value("string"), label=Value("float32"), idx=Value("int32")
    )
    hub_cache(
        "stsb", features, {"train": mrpc_rows([0.5, 4.75]), "validation": mrpc_rows([5.0]), "test": mrpc_rows([-1])}
    )
    data = load_data(data_config("stsb"), holdout=False)
    assert data.splits["train"]["label"][:] == [0.5, 4.75]
    assert "label" not in data.splits["test"].column_names


def test_other_label_order_is_refused(hub_cache, data_config):
    hub_cache("mrpc", mrpc_features(NAMES[::-1]), splits())
    with pytest.raises(UserError, match=re.escape("the classes are ['equivalent', 'not_equivalent']")):
        load_data(data_config("mrpc"), holdout=False)


def test_missing_split_and_column(hub_cache, data_config):
    hub_cache("mrpc", mrpc_features(), splits())
    with pytest.raises(UserError, match=re.escape("data set 'nyu-mll/glue' (mrpc) has no split 'dev'; it has train")):
        load_data(data_config("mrpc", "data.sources.hub.splits.validation=dev"), holdout=False)
    with pytest.raises(UserError, match="train row 0: no column 'x'; the columns are 'sentence1', 'sentence2'"):
        load_data(data_config("mrpc", "data.sources.hub.text=[x]"), holdout=False)


def test_unreachable_hub_is_one_quick_error(hub_cache, data_config, monkeypatch, capfd):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    start = time.perf_counter()
    with pytest.raises(
        UserError, match=r"data set 'nyu-mll/glue' \(mrpc\) is not in the local cache.*cannot be reached"
    ):
        load_data(data_config("mrpc"), holdout=False)
    assert time.perf_counter() - start < 5
    assert capfd.readouterr() == ("", "")


def test_switches_are_put_back(hub_cache, monkeypatch):
    monkeypatch.setattr("src.data.sources.hub.require_hub", lambda what: None)

    def state() -> tuple:
        return (
            datasets.config.HF_HUB_OFFLINE,
            huggingface_hub.constants.HF_HUB_OFFLINE,
            datasets.are_progress_bars_disabled(),
            datasets.logging.get_verbosity(),
        )

    before, seen = state(), []

    def load_dataset(*_, **__) -> Dataset:
        seen.append(state()[:3])
        raise ValueError("no such set")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(UserError, match="data set 'x/y' could not be loaded: ValueError: no such set"):
        fetch("x/y")
    assert seen == [(True, True, True), (before[0], before[1], True)]  # the cache alone, then the hub
    assert state() == before


def test_custom_from_the_hub(hub_cache, data_config):
    hub_cache("mrpc", mrpc_features(), {"train": mrpc_rows([0, 1] * 10), "test": mrpc_rows([1, 0])})
    overrides = ["data.path=nyu-mll/glue", "data.config=mrpc", "data.text=[sentence1,sentence2]"]
    data = load_data(data_config("custom", *overrides), holdout=False)
    assert data.task.label_names == tuple(NAMES)  # the hub's order
    assert {name: len(part) for name, part in data.splits.items()} == {"train": 18, "test": 2, "validation": 2}
    assert data.splits["test"]["label"][:] == [1, 0]

    swapped = load_data(
        data_config("custom", *overrides, "data.label_names=[equivalent,not_equivalent]"), holdout=False
    )
    assert swapped.splits["test"]["label"][:] == [0, 1]

    test_as_validation = load_data(data_config("custom", *overrides, "data.splits.validation=test"), holdout=False)
    assert len(test_as_validation.splits["train"]) == 20
    with pytest.raises(UserError, match=r"data.path=nyu-mll/glue has no split 'x' for train; it has train, test"):
        load_data(data_config("custom", *overrides, "data.splits.train=x"), holdout=False)
