"""What is needed to believe or to doubt a score: intervals, leaks, slices, calibration, verdicts, comparisons."""
