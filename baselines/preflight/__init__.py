"""Before a run starts: what it takes (`plan`), and what would stop it (`doctor`)."""
