"""What a training log proves about the run that wrote it: named checks, each passed, failed or not checkable."""
