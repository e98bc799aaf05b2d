"""Many jobs of a sweep over one frozen backbone: its layers run once on all of the jobs' rows together."""
