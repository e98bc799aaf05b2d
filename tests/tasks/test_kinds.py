"""What a kind of task says, held against transformers' own models and plain definitions."""

import ast
import inspect
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Value
from transformers import AutoConfig

from src.backbones.own_loss import take_own_loss
from src.backbones.probe import probe_batch
from src.backbones.several_inputs import take_several_inputs
from src.data.normalise import rows_of
from src.metrics.metric import Reads
from src.tasks import KINDS, LabelSpace, TaskKind, label_space
from src.tasks.kinds import find_kind, space_in, space_of, space_with, spaces_in, stated_kind
from src.utils.errors import UserError
from src.utils.paths import ROOT
from tests.tasks.class_sets import ClassSets

CLASSES, VALUES = KINDS["classification"], KINDS["regression"]
SPACES = [
    label_space(("a", "b", "c")), label_space(()), label_space(("a", "b", "c"), "token_classification"),
    label_space(("a", "b", "c"), "multi_label"), label_space((), "multiple_choice"),
    label_space((), "similarity"), label_space((), "similarity_mse"),
    label_space((), "question_answering"), label_space((), "question_answering_or_none"),
    LabelSpace(ClassSets(), ("a", "b", "c")),
]  # fmt: skip
each_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: space.kind.name)
TINY = {"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}


def model(space: LabelSpace):
    config = AutoConfig.for_model("bert", **TINY)
    space.configure(config)
    torch.manual_seed(0)
    built = space.kind.model_class().from_config(config).eval()
    if space.kind.several_inputs:
        take_several_inputs(built, space.kind)
    if space.kind.own_loss:
        take_own_loss(built, space.kind)
    return built


def inputs_for(space: LabelSpace, built) -> dict[str, torch.Tensor]:
    """Two rows; of a kind with several inputs a row two, or three, of which one row lacks the last."""
    rows = probe_batch(built)
    if not space.kind.several_inputs:
        return rows
    if space.kind.headless:
        return {name: torch.stack([tensor, tensor.flip(0)], dim=1) for name, tensor in rows.items()}
    found = {name: torch.stack([tensor, tensor.flip(0), tensor.flip(1)], dim=1) for name, tensor in rows.items()}
    found["attention_mask"][1, 2] = 0
    return found


def labels_for(space: LabelSpace) -> torch.Tensor:
    if space.kind is CLASSES or space.kind.note_columns == ("candidates",):
        return torch.tensor([2, 0])
    if space.kind.own_loss:
        return torch.tensor([[3, 5], [0, 0]])
    if space.kind.answers_every_token:
        return torch.tensor([[-100, 2, 0, 1, -100, 1, 0, -100], [-100, 1, -100, 0, -100, -100, -100, -100]])
    return (
        torch.tensor([0.5, -3.0])
        if isinstance(space.kind, type(VALUES))
        else torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    )


@each_space
def test_the_loss_is_that_of_transformers_own_model(space):
    built = model(space)
    labels = labels_for(space)
    given = built(**inputs_for(space, built), labels=labels)
    shape = (2, 8, space.outputs) if space.kind.answers_every_token else (2, space.outputs)
    assert given.logits.shape == ((2, 3) if space.kind.note_columns == ("candidates",) else shape)
    assert torch.equal(space.kind.loss(given.logits, labels), given.loss)
    if space.kind.name == "similarity":  # of pairs of rows
        return
    by_row = [space.kind.loss(given.logits[i : i + 1], labels[i : i + 1], reduction="sum") for i in range(2)]
    torch.testing.assert_close(space.kind.loss(given.logits, labels, reduction="sum"), sum(by_row))


@pytest.mark.parametrize("space", SPACES[:9], ids=lambda space: space.kind.name)
def test_a_config_is_read_as_it_was_written(space):
    assert space_of(model(space).config) == space


def test_a_checkpoint_that_names_no_problem_is_told_by_its_outputs():
    plain = SimpleNamespace(num_labels=1, problem_type=None, id2label={0: "LABEL_0"})
    assert space_of(plain) == label_space(())
    plain.num_labels, plain.id2label = 2, {0: "no", 1: "yes"}
    assert space_of(plain) == label_space(("no", "yes"))


def test_the_classes_imply_a_kind_unless_it_is_named():
    assert label_space(["x", "y"]).kind is CLASSES and label_space([]).kind is VALUES
    assert label_space([], "classification").kind is CLASSES
    assert stated_kind({"label_names": None}) is None and stated_kind({"label_names": [], "kind": None}) is VALUES
    assert stated_kind({"label_names": None, "kind": "regression"}) is VALUES
    with pytest.raises(UserError, match="kind=multilabel: there is no such kind of task; choices: classification, reg"):
        find_kind("multilabel")


def test_a_column_tells_its_space():
    assert space_in(ClassLabel(names=["n", "y"])) == label_space(("n", "y"))
    assert space_in(Value("float64")) == label_space(())
    with pytest.raises(UserError, match="is no label of regression"):
        space_in(ClassLabel(names=["n", "y"]), "regression")


def test_a_saved_head_of_before_has_the_kind_that_its_classes_imply():
    assert spaces_in({"label_names": ["a", "b"]}) == {"": label_space(("a", "b"))}
    assert spaces_in({"label_names": [], "tasks": {"x": ["a", "b"], "y": []}, "kinds": {"x": "classification"}}) == {
        "x": label_space(("a", "b")), "y": label_space(()),
    }  # fmt: skip


def test_a_foreign_head_is_told_by_its_width():
    assert space_with(1) == label_space(())
    assert space_with(2) == label_space(("LABEL_0", "LABEL_1")) and space_with(2, ["n", "y"]).names == ("n", "y")


def test_answers_of_classes():
    logits = torch.tensor([[0.0, 2.0], [1.0, -1.0]])
    first, second = CLASSES.answers(logits, ("n", "y"))
    assert (first.label, second.label) == ("y", "n")
    assert first.scores["y"] == pytest.approx(1 / (1 + np.exp(-2))) and sum(second.scores.values()) == pytest.approx(1)
    assert CLASSES.written(logits, ["no", "yes"], 0, 1) == ["yes", "no"]
    assert CLASSES.predictions(logits.numpy()).tolist() == [1, 0]
    assert CLASSES.flips(logits.numpy(), logits.numpy() * [[1, -1], [1, 1]]) == 1
    probabilities = CLASSES.read(Reads.SCORES, logits.numpy())
    np.testing.assert_allclose(probabilities, logits.softmax(-1).numpy(), rtol=1e-6)


def test_answers_of_numbers():
    logits = torch.tensor([[0.25], [7.0]])
    assert [answer.label for answer in VALUES.answers(logits, ())] == [0.25, 7.0]
    assert VALUES.written(logits, [], 0.0, 5.0) == ["0.250", "5.000"]
    assert VALUES.predictions(logits.numpy()).tolist() == VALUES.predictions(logits.numpy()[:, 0]).tolist() == [0.25, 7]
    assert VALUES.flips(logits.numpy(), -logits.numpy()) == 0


def test_a_column_of_labels_is_read_by_its_kind():
    feature, values = CLASSES.read_labels([1, 0], ("n", "y"), (0, 1), "c", rows_of("x"))
    assert feature.names == ["n", "y"] and values.to_pylist() == [1, 0]
    feature, values = VALUES.read_labels(["1", 2.5], (), (), "c", rows_of("x"))
    assert feature.dtype == "float64" and values.to_pylist() == [1.0, 2.5]


def test_held_out_rows_are_drawn_by_class_where_there_are_some():
    assert CLASSES.strata([0, 1, 1]).tolist() == [0, 1, 1] and VALUES.strata([0.5, 1.0]) is None


@pytest.mark.parametrize("names", [(), ("a",), ("a", "a")])
def test_classes_are_two_or_more_and_different(names):
    with pytest.raises(UserError, match="expected two or more different names"):
        CLASSES.check_names(names)


def test_the_table_has_one_object_of_each():
    assert all(kind.name == name and isinstance(kind, TaskKind) for name, kind in KINDS.items())
    assert len({type(kind) for kind in KINDS.values()}) == len(KINDS)
    assert all(not inspect.isabstract(type(kind)) and not vars(kind) for kind in KINDS.values())
    assert len({kind.title for kind in KINDS.values()}) == len(KINDS) and all(kind.unit for kind in KINDS.values())


def branches(source: str) -> list[str]:
    """What of a file asks which kind a task is of, other than by asking the kind."""
    found = []
    for node in ast.walk(ast.parse(source)):
        name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "arg", None) or ""
        if "regression" in str(name):
            found.append(f"line {getattr(node, 'lineno', '?')}: {name}")
        compared = isinstance(node, ast.Compare) and [ast.unparse(side) for side in (node.left, *node.comparators)]
        denied = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) and ast.unparse(node.operand)
        if (compared and {"()", "[]"} & {*compared} and "label_names" in str(compared)) or "label_names" in str(denied):
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


def test_nothing_else_asks_which_kind_a_task_is_of():
    for odd in ("if regression: ...", "x = not task.label_names", 'y = data["label_names"] == []', "f(regression=1)"):
        assert branches(odd)
    files = [path for path in (ROOT / "src").rglob("*.py") if path.parent.name != "tasks"]
    found = [f"{path.relative_to(ROOT)}: {line}" for path in files for line in branches(path.read_text("utf-8"))]
    assert not found, "\n".join(found)
