"""Scores read from the result store, with cost, leakage and caveats: what every table is made from."""
