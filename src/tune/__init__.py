"""Fair tuning: the same number of trials for every method, each over its own search space."""
