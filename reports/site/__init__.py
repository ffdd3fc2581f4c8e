"""A static site from a result store and a run: one folder that opens from disk and needs no network."""
