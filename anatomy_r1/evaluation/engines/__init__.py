"""lm-eval `LM` subclasses that log each response as it is made and resume from the log."""
