"""What stands beside the tables of scores: calibration, slices of the data, several tasks at once."""
