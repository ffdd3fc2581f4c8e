"""Tables as values, and as text, Markdown or HTML: what `anatomy-r1 compare` and the reports both print with."""
