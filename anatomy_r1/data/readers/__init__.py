"""Readers, one a format: each turns files as their authors distribute them into `Question` values."""
