"""What a published table supports: which rows are tied with the best, what difference could it have shown."""
