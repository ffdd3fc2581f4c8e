"""The audit: tests of the paper's own numbers and of the released files, without running anything."""
