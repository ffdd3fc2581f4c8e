"""The result store, where training and reporting meet, and submissions from elsewhere."""
