"""Pages of words and small tables, for the audit and the ledger: values, and writers of text, Markdown and HTML."""
