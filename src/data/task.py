"""What a task is, in one record: its columns, labels, metrics and evaluation splits."""

from dataclasses import dataclass

from src.tasks import LabelSpace, label_space
from src.utils.errors import UserError


@dataclass(frozen=True)
class Task:
    """One task, as declared by its YAML in conf/data.

    ``text`` names one source column, or two for a pair of sentences, or what the kind of task says. ``label_names``
    lists the classes in the order of their numbers; ``kind`` names the kind of task, None the one that they imply. The
    first of ``evaluation_splits`` is the one on which ``primary_metric`` is reported.

    Raises:
        UserError: a record that contradicts itself, or a metric that does not fit the labels.
    """

    name: str
    text: tuple[str, ...]
    label: str
    label_names: tuple[str, ...]
    metrics: tuple[str, ...]
    primary_metric: str
    evaluation_splits: tuple[str, ...]
    kind: str | None = None

    def __post_init__(self) -> None:
        least, most = self.space.kind.text_columns
        if not least <= len(self.text) <= most or not all(self.text):
            raise UserError(f"data.text={list(self.text)}: expected {self.space.kind.text_rule}")
        self.space.kind.check_names(self.label_names)
        self.space.kind.check_metrics(self.metrics, self.label_names)
        if self.primary_metric not in self.metrics:
            raise UserError(
                f"data.primary_metric={self.primary_metric!r} is not one of data.metrics: {', '.join(self.metrics)}"
            )
        if not self.evaluation_splits or "train" in self.evaluation_splits:
            raise UserError(
                f"data.evaluation_splits={list(self.evaluation_splits)}: expected one or more splits other than train"
            )

    @property
    def has_loss(self) -> bool:
        """Whether the head's loss on rows of this task means something."""
        return True

    @property
    def class_numbers(self) -> tuple[int, ...]:
        """By class, its number in the labels of rows."""
        return tuple(range(len(self.label_names)))

    @property
    def space(self) -> LabelSpace:
        """What the task's head answers."""
        return label_space(self.label_names, self.kind)


def is_test(split: str) -> bool:
    """Test splits (``test``, ``test_matched``) may come without labels, as GLUE's do."""
    return split.startswith("test")
