"""Scores read from the result store, with cost, leakage and caveats: the input of every table."""
