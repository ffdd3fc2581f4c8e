"""The methods as values, one file per family, and their registry."""
