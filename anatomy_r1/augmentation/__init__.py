"""Group Diversity Question Augmentation (paper, section of that name): phi rewrites a question, psi changes its image."""
