"""The methods of Table 1 and the grid that trains and evaluates them. `python -m baselines --help`."""
