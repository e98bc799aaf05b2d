"""What methods cost in time and memory, measured on any machine: ``python -m src bench``."""
