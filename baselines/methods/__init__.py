"""The methods, a file each, and their registry."""
