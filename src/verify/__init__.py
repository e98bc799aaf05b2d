"""Whether run folders say the truth about themselves, and whether their numbers come out again."""
