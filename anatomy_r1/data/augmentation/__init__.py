"""Group Diversity Question Augmentation (the paper's section): phi rewrites a question, psi changes its image."""
