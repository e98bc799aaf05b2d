"""Kinds of task: what a head answers, how it is trained and scored. One file a kind, one closed table of them."""

from src.tasks.kind import TaskKind
from src.tasks.kinds import KINDS, label_space
from src.tasks.label_space import LabelSpace
from src.tasks.prediction import Prediction

__all__ = ["KINDS", "LabelSpace", "Prediction", "TaskKind", "label_space"]
