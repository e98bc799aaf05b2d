"""Several tasks at once: what holds for the mean of these, and what may be expected of another such task."""
