"""What the paper's tables need besides `anatomy_r1.tables`: LaTeX and CSV, each a pure function to a string."""
