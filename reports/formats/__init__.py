"""A report as text, Markdown, LaTeX, HTML or CSV: one file a format, each a pure function to a string."""
