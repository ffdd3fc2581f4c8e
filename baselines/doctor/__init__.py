"""`python -m baselines doctor`: would a run of this profile succeed on this machine, and if not, what mends it."""
