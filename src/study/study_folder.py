"""What lies where in a study's folder. Imports nothing heavy: whoever checks a folder needs these names alone."""

PLAN, LOOKS = "plan.json", "looks.json"
REPORT, VERDICT, TIDY = "report.html", "verdict.md", "runs.csv"
RACE, TUNING, RUNS = "race", "tuning", "runs"  # folders
SUMS = "SHA256SUMS"  # in an archive
OF_THE_STUDY = (PLAN, LOOKS, VERDICT, REPORT, TIDY, f"{TUNING}/tune.json")
