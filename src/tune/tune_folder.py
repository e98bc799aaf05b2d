"""What lies where in a tuning's folder. Needs no Optuna: a study without trials has no tuning, and reads this name."""

TRIALS, RUNS = "trials", "runs"  # folders
SUMMARY, PLOT = "tune.json", "expected_best"
