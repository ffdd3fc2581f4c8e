"""The reproduction ledger: every claim of the paper, what was done about it, at which scale, and the verdict."""
