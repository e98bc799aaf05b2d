"""Many jobs: resuming, isolation, preview, budgets, launchers."""
