"""The first hour on a GPU: what a machine that is lent or rented shows, in order of worth: docs/paper-run.md."""
