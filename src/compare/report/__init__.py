"""The report: one self-contained HTML file."""

from src.compare.report.write import Card, write_report

__all__ = ["Card", "write_report"]
