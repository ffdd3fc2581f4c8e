"""Readers, one per format: each turns files, as their authors distribute them, into checked records."""
