"""Figures from curves: one file a figure, a pure function from data frames to a figure, and a thin writer."""
