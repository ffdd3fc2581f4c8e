"""What is run, as values: profiles, cells, settings and the plan."""
