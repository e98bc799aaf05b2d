"""The report: one self-contained HTML file."""

from src.compare.report.write import write_report

__all__ = ["write_report"]
