"""The audit: what the paper's own numbers and the released files say by themselves, each finding out of a test."""
