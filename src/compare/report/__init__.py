"""The report: one self-contained HTML file."""

from src.compare.report.tuning_section import ArmTuning, Tuning
from src.compare.report.write import Card, write_report

__all__ = ["ArmTuning", "Card", "Tuning", "write_report"]
