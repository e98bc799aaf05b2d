"""What lies where in a run's folder."""

RESULT, HISTORY, PREDICTIONS, SUMMARY = "result.json", "history.jsonl", "predictions.parquet", "model_summary.txt"
ADAPTER, CHECKPOINT, PROFILE = "adapter", "checkpoint.pt", "profile"
DESCRIPTION, TENSORS = "adapter.json", "adapter.safetensors"  # in the adapter's own folder
