"""A static site from a result store and a run: opens from disk, needs no network, one folder to zip."""
