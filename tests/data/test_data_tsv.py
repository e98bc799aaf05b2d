"""GLUE's TSV layouts and their traps, in small files written here by hand from the official headers."""

import re
from pathlib import Path

import pytest

from src.data.load import load_data
from src.data.sources.tsv import parse_tsv
from src.utils.errors import UserError

# Per task: folder, file -> (header or None, rows); each text differs, so that a swapped column shows.
PAIR = "index\tsentence1\tsentence2\tlabel"
PARSES = (
    "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse"
)
MNLI_DEV = f"{PARSES}\tsentence1\tsentence2\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\tgold_label"
STSB = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2"
FILL = "\t".join("0123456")
LAYOUTS = {
    "cola": (
        "CoLA",
        {
            "train.tsv": (None, ["gj04\t1\t\tx one", "gj04\t0\t*\tx two"]),
            "dev.tsv": (None, ["gj04\t1\t\tx one"]),
            "test.tsv": ("index\tsentence", ["0\tx one"]),
        },
        [("x one", None, 1), ("x two", None, 0)],
    ),
    "sst2": (
        "SST-2",
        {
            "train.tsv": ("sentence\tlabel", ["x one\t1", "x two\t0"]),
            "dev.tsv": ("sentence\tlabel", ["x one\t1"]),
            "test.tsv": ("index\tsentence", ["0\tx one"]),
        },
        [("x one", None, 1), ("x two", None, 0)],
    ),
    "mrpc": (
        "MRPC",
        {
            "train.tsv": (
                "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
                ["1\t7\t8\tx one\ty one", "0\t7\t8\tx two\ty two"],
            ),
            "dev.tsv": ("Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", ["1\t7\t8\tx one\ty one"]),
            "test.tsv": ("index\t#1 ID\t#2 ID\t#1 String\t#2 String", ["0\t7\t8\tx one\ty one"]),
        },
        [("x one", "y one", 1), ("x two", "y two", 0)],
    ),
    "rte": (
        "RTE",
        {
            "train.tsv": (PAIR, ["0\tx one\ty one\tnot_entailment", "1\tx two\ty two\tentailment"]),
            "dev.tsv": (PAIR, ["0\tx one\ty one\tentailment"]),
            "test.tsv": ("index\tsentence1\tsentence2", ["0\tx one\ty one"]),
        },
        [("x one", "y one", 1), ("x two", "y two", 0)],
    ),
    "wnli": (
        "WNLI",
        {
            "train.tsv": (PAIR, ["0\tx one\ty one\t1", "1\tx two\ty two\t0"]),
            "dev.tsv": (PAIR, ["0\tx one\ty one\t1"]),
            "test.tsv": ("index\tsentence1\tsentence2", ["0\tx one\ty one"]),
        },
        [("x one", "y one", 1), ("x two", "y two", 0)],
    ),
    "qnli": (
        "QNLI",
        {
            "train.tsv": (
                "index\tquestion\tsentence\tlabel",
                ["0\tx one\ty one\tentailment", "1\tx two\ty two\tnot_entailment"],
            ),
            "dev.tsv": ("index\tquestion\tsentence\tlabel", ["0\tx one\ty one\tentailment"]),
            "test.tsv": ("index\tquestion\tsentence", ["0\tx one\ty one"]),
        },
        [("x one", "y one", 0), ("x two", "y two", 1)],
    ),
    "qqp": (
        "QQP",
        {
            "train.tsv": (
                "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
                ["1\t2\t3\tx one\ty one\t1", "4\t5\t6\tx broken", '"\ty?\t0', "7\t8\t9\tx two\t\t0"],
            ),
            "dev.tsv": ("id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate", ["1\t2\t3\tx one\ty one\t1"]),
            "test.tsv": ("id\tquestion1\tquestion2", ["0\tx one\ty one"]),
        },
        [("x one", "y one", 1), ("x two", "", 0)],
    ),
    "stsb": (
        "STS-B",
        {
            "train.tsv": (f"{STSB}\tscore", [f"{FILL}\tx one\ty one\t4.750", f"{FILL}\tx two\ty two\t0.000"]),
            "dev.tsv": (f"{STSB}\tscore", [f"{FILL}\tx one\ty one\t5"]),
            "test.tsv": (STSB, [f"{FILL}\tx one\ty one"]),
        },
        [("x one", "y one", 4.75), ("x two", "y two", 0.0)],
    ),
    "mnli": (
        "MNLI",
        {
            "train.tsv": (
                f"{PARSES}\tsentence1\tsentence2\tlabel1\tgold_label",
                [f"{FILL}\t7\tx one\ty one\tneutral\tcontradiction", f"{FILL}\t7\tx two\ty two\tneutral\tentailment"],
            ),
            "dev_matched.tsv": (MNLI_DEV, [f"{FILL}\t7\tx one\ty one\ta\tb\tc\td\te\tneutral"]),
            "dev_mismatched.tsv": (MNLI_DEV, [f"{FILL}\t7\tx one\ty one\ta\tb\tc\td\te\tentailment"]),
            "test_matched.tsv": (f"{PARSES}\tsentence1\tsentence2", [f"{FILL}\t7\tx one\ty one"]),
            "test_mismatched.tsv": (f"{PARSES}\tsentence1\tsentence2", [f"{FILL}\t7\tx one\ty one"]),
        },
        [("x one", "y one", 2), ("x two", "y two", 0)],
    ),
}


def write(folder: Path, task: str) -> Path:
    """Write the task's files below ``folder``, with a byte-order mark and CRLF, as some of GLUE's are."""
    name, files, _ = LAYOUTS[task]
    (folder / name).mkdir()
    for file, (header, rows) in files.items():
        lines = ([header] if header else []) + rows
        (folder / name / file).write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    return folder / name


@pytest.mark.parametrize("task", LAYOUTS)
def test_layout(task, tmp_path, data_config):
    write(tmp_path, task)
    data = load_data(data_config(task, "data.source=tsv", f"data.dir={tmp_path}"), holdout=False)

    train = data.splits["train"]
    pairs = train["text_pair"][:] if "text_pair" in train.column_names else [None] * len(train)
    assert list(zip(train["text"][:], pairs, train["label"][:], strict=True)) == LAYOUTS[task][2]
    assert train["idx"][:] == [0, 1]
    for split in data.task.evaluation_splits:
        assert len(data.splits[split]) == 1
    tests = [split for split in data.splits if split.startswith("test")]
    assert tests and all("label" not in data.splits[split].column_names for split in tests)
    assert all(data.splits[split]["text"][:] == ["x one"] for split in tests)


def test_mnli_has_matched_and_mismatched(tmp_path, data_config):
    write(tmp_path, "mnli")
    data = load_data(data_config("mnli", "data.source=tsv", f"data.dir={tmp_path}"), holdout=False)
    assert data.task.evaluation_splits == ("validation_matched", "validation_mismatched")
    assert [data.splits[split]["label"][:] for split in data.task.evaluation_splits] == [[1], [0]]


def test_qqp_says_how_many_rows_it_skips(tmp_path, data_config, caplog):
    write(tmp_path, "qqp")
    load_data(data_config("qqp", "data.source=tsv", f"data.dir={tmp_path}"), holdout=False)
    assert "2 malformed rows skipped" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        '"an open quote',
        'a "quoted" word',
        "''",
        "line\u2028separator",
        "next\x85line",
        "form\x0cfeed",
        "v\x0bt",
        "a,b;c",
    ],
)
def test_text_is_kept_as_it_is(text):
    assert parse_tsv(f"{text}\t1\nb\t0\n".encode(), "f", ["text", "label"]).columns["text"] == [text, "b"]


def test_lines_are_counted_as_an_editor_counts_them():
    assert list(parse_tsv(b"head\tlabel\na\t1\nb\t0", "f").lines) == [2, 3]
    assert list(parse_tsv(b"a\t1\nbroken\nb\t0", "f", ["t", "l"], skip_malformed=True).lines) == [1, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"sentence\tlabel\ngood\t1\nno label\n", "train.tsv line 3: 1 field where 2 are expected (sentence, label)"),
        (b"sentence\tlabel\ngood\t1\textra\n", "train.tsv line 2: 3 fields where 2 are expected"),
        (b"sentence\tlabel\ngood\t1\n\nbad\t0\n", "train.tsv line 3: 1 field where 2 are expected"),
        (b"sentence\tlabel\ngood\t1\nbad\t2\n", "train.tsv line 3: label '2' is none of '0', '1' (column 'label')"),
        (b"sentence\tlabel\n \t1\n", "train.tsv line 2: the text in column 'sentence' is empty"),
        (b"sentence\tlabel\ngood\t1\nb\xe9\t0\n", "train.tsv line 3: byte 0xe9 is not UTF-8"),
        (b"phrase\tlabel\ngood\t1\n", "no column 'sentence'; the columns are 'phrase', 'label'"),
        (b"sentence\tlabel\n", "the file has no rows"),
        (b"", "the file has no rows"),
    ],
)
def test_malformed_file_is_an_error_that_names_the_place(content, message, tmp_path, data_config):
    (write(tmp_path, "sst2") / "train.tsv").write_bytes(content)
    with pytest.raises(UserError, match=re.escape(message)):
        load_data(data_config("sst2", "data.source=tsv", f"data.dir={tmp_path}"), holdout=False)


def test_header_in_a_file_that_should_have_none_is_seen(tmp_path, data_config):
    (write(tmp_path, "cola") / "train.tsv").write_text("source\tlabel\tstar\tsentence\ngj04\t1\t\tx\n")
    with pytest.raises(UserError, match=r"train\.tsv line 1: label 'label'"):
        load_data(data_config("cola", "data.source=tsv", f"data.dir={tmp_path}"), holdout=False)


def test_score_must_be_a_number(tmp_path, data_config):
    path = write(tmp_path, "stsb") / "train.tsv"
    path.write_text(f"{STSB}\tscore\n{FILL}\tx\ty\tnan\n")
    with pytest.raises(UserError, match=r"train\.tsv line 2: label 'nan' in column 'score' is not a finite number"):
        load_data(data_config("stsb", "data.source=tsv", f"data.dir={tmp_path}"), holdout=False)


def test_missing_folders_and_files(tmp_path, data_config):
    def load(*overrides: str):
        return load_data(data_config("sst2", "data.source=tsv", *overrides), holdout=False)

    with pytest.raises(UserError, match=r"data.source=tsv needs data.dir=FOLDER"):
        load()
    with pytest.raises(UserError, match=r"data.dir=nowhere: no such folder"):
        load("data.dir=nowhere")
    (tmp_path / "sst2").mkdir()
    with pytest.raises(UserError, match=r"no folder .*SST-2; the folders there are sst2"):
        load(f"data.dir={tmp_path}")
    (write(tmp_path, "sst2") / "dev.tsv").unlink()
    with pytest.raises(UserError, match=r"no file .*dev\.tsv for the validation split; .* holds test\.tsv, train\.tsv"):
        load(f"data.dir={tmp_path}")
    write(tmp_path, "cola")
    (tmp_path / "CoLA" / "test.tsv").unlink()  # nothing is scored on it
    cola = load_data(data_config("cola", "data.source=tsv", f"data.dir={tmp_path}"), holdout=False)
    assert "test" not in cola.splits


@pytest.mark.parametrize(
    ("task", "rows"),
    [
        ("mrpc", {"train": 3668, "validation": 408, "test": 1725}),
        ("cola", {"train": 8551, "validation": 1043, "test": 1063}),
        ("rte", {"train": 2490, "validation": 277, "test": 3000}),
        ("sst2", {"train": 67349, "validation": 872, "test": 1821}),
    ],
)
def test_real_files_have_the_published_rows(task, rows, glue_dir, data_config, caplog):
    data = load_data(data_config(task, "data.source=tsv", f"data.dir={glue_dir}"), holdout=False)
    assert {split: len(part) for split, part in data.splits.items()} == rows
    assert not caplog.records


def test_other_row_counts_are_pointed_out(tmp_path, data_config, caplog):
    write(tmp_path, "wnli")
    load_data(data_config("wnli", "data.source=tsv", f"data.dir={tmp_path}"), holdout=False)
    assert "data=wnli: the train split has 2 rows, the published one 635" in caplog.text
