"""The closed table of the kinds, and which of them a task is of."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict, cast

from src.tasks.classification import Classification
from src.tasks.kind import TaskKind
from src.tasks.label_space import LabelSpace
from src.tasks.multi_label import MultiLabel
from src.tasks.multiple_choice import MultipleChoice
from src.tasks.question_answering import QuestionAnswering, QuestionAnsweringOrNone
from src.tasks.regression import Regression
from src.tasks.similarity import Similarity, SimilarityBySquares
from src.tasks.token_classification import TokenClassification
from src.utils.errors import UserError
from src.utils.text import printable

if TYPE_CHECKING:
    from datasets.features.features import FeatureType
    from transformers import PretrainedConfig


class _Heads(TypedDict, total=False):
    """Of a saved classifier's description what its heads answer: of one alone, or by their tasks."""

    label_names: list[str]
    kind: str | None
    tasks: dict[str, list[str]]
    kinds: dict[str, str]


KINDS: dict[str, TaskKind] = {
    kind.name: kind
    for kind in (
        Classification(),
        Regression(),
        TokenClassification(),
        MultiLabel(),
        MultipleChoice(),
        Similarity(),
        SimilarityBySquares(),
        QuestionAnswering(),
        QuestionAnsweringOrNone(),
    )
}


def label_space(names: Sequence[str], kind: str | None = None) -> LabelSpace:
    """The space of a head.

    Args:
        names: the classes in order.
        kind: a name in ``KINDS``; None for the one that the classes imply: a regression where there are none.

    Raises:
        UserError: if there is no such kind.
    """
    return LabelSpace(find_kind(kind or ("classification" if len(names) else "regression")), tuple(names))


def find_kind(name: str) -> TaskKind:
    """Look a kind up; raises UserError, with the choices, if there is none of that name."""
    if name not in KINDS:
        raise UserError(f"kind={printable(name)[:100]}: there is no such kind of task; choices: {', '.join(KINDS)}")
    return KINDS[name]


def stated_kind(data: Mapping[str, object]) -> TaskKind | None:
    """The kind that a ``data`` node states, by name or by its classes; None where the rows decide."""
    if data.get("kind") is not None:
        return find_kind(str(data["kind"]))
    names = cast("Sequence[str] | None", data["label_names"])
    return None if names is None else label_space(names).kind


def kind_of_models(data: Mapping[str, object] | None) -> str | None:
    """The kind that a ``data`` node states, where its models are others than those of a text's classes."""
    if data is None or "tasks" in data or (kind := stated_kind(data)) is None:
        return None
    return None if kind.peft_type == KINDS["classification"].peft_type else kind.name


def check_smoothing(factor: float | None, task: str, kind: TaskKind | None) -> None:
    """Raise a UserError for label smoothing of a kind that it means nothing to; None is not known yet."""
    if factor and kind is not None and not kind.smooths_labels:
        raise UserError(f"training.label_smoothing_factor is for classes, and {task} is {kind.title}")


def space_in(feature: "FeatureType", kind: str | None = None) -> LabelSpace:
    """The space that a column of labels holds, by its feature; the first kind in the table that has such columns.

    Raises:
        UserError: if it is of none.
    """
    for own in [find_kind(kind)] if kind is not None else KINDS.values():
        if (names := own.names_in(feature)) is not None:
            return LabelSpace(own, names)
    raise UserError(f"data.label is a column of {feature}, which is no label of {kind or ', '.join(KINDS)}")


def space_of(config: "PretrainedConfig") -> LabelSpace | None:
    """What a checkpoint's head answers, by its config; None if it is of no kind in the table.

    The last kinds in the table are asked first: the first ones take what names no kind for theirs.
    """
    found = ((kind, kind.names_of(config)) for kind in reversed(KINDS.values()))
    return next((LabelSpace(kind, names) for kind, names in found if names is not None), None)


def kind_with(peft_type: str | None) -> TaskKind:
    """The first kind in the table that the peft library calls so; None: that has no name there."""
    return next((kind for kind in KINDS.values() if kind.peft_type == peft_type), KINDS["classification"])


def space_with(outputs: int, names: Sequence[str] | None = None, peft_type: str | None = None) -> LabelSpace:
    """The space of a foreign checkpoint's head with so many outputs, its classes named or numbered."""
    kind = kind_with(peft_type)
    if kind is not KINDS["classification"]:
        return LabelSpace(kind, tuple(names or (f"LABEL_{i}" for i in range(outputs))))
    if KINDS["regression"].outputs(()) == outputs:
        return label_space(())
    return label_space(tuple(names or (f"LABEL_{i}" for i in range(outputs))))


def spaces_in(description: Mapping[str, object]) -> dict[str, LabelSpace]:
    """What the heads of a saved classifier answer, by their tasks; of one alone the name is empty.

    Files of before name no kinds: those that the classes imply were all there were.
    """
    saved = cast(_Heads, description)
    if tasks := saved.get("tasks"):
        kinds = saved.get("kinds", {})
        return {name: label_space(names, kinds.get(name)) for name, names in tasks.items()}
    return {"": label_space(saved["label_names"], saved.get("kind"))}
