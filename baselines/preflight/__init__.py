"""What a profile will take, before anything is started: memory, samples, hours, disk. Pure functions of the profile."""
