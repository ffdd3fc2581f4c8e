"""An experiment as values: profile, cells, settings, plan. Nothing here runs anything."""
