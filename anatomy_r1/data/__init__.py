"""Prepared sets of questions: how they are made and split, how they are shown; augmentation and leakage."""
