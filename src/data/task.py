"""What a task is, in one record: its columns, labels, metrics and evaluation splits."""

from dataclasses import dataclass

from src.metrics import check_metrics
from src.utils.errors import UserError


@dataclass(frozen=True)
class Task:
    """One task, as declared by its YAML in conf/data.

    ``text`` names one source column, or two for a pair of sentences. ``label_names`` lists the classes in the order of
    their numbers; an empty tuple means regression. The first of ``evaluation_splits`` is the one on which
    ``primary_metric`` is reported.

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

    def __post_init__(self) -> None:
        if len(self.text) not in (1, 2) or not all(self.text):
            raise UserError(f"data.text={list(self.text)}: expected one column name, or two for a pair of sentences")
        if len(self.label_names) == 1 or len(set(self.label_names)) != len(self.label_names):
            raise UserError(
                f"data.label_names={list(self.label_names)}: expected two or more different names, or [] for regression"
            )
        check_metrics(self.metrics, num_labels=self.num_labels)
        if self.primary_metric not in self.metrics:
            raise UserError(
                f"data.primary_metric={self.primary_metric!r} is not one of data.metrics: {', '.join(self.metrics)}"
            )
        if not self.evaluation_splits or "train" in self.evaluation_splits:
            raise UserError(
                f"data.evaluation_splits={list(self.evaluation_splits)}: expected one or more splits other than train"
            )

    @property
    def regression(self) -> bool:
        return not self.label_names

    @property
    def num_labels(self) -> int:
        """The width of the classifier's output: 1 for regression."""
        return len(self.label_names) or 1


def is_test(split: str) -> bool:
    """Test splits (``test``, ``test_matched``) may come without labels, as GLUE's do."""
    return split.startswith("test")
