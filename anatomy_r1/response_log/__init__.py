"""The response log: one SQLite row for each response, which survives a kill and shows damage."""
