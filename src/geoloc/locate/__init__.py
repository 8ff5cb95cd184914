"""Where a photo was taken and how sure that is: votes of candidates, signals, calibration, selective answers."""
