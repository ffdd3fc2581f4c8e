"""The response log: one SQLite row per response. It survives `kill -9` and detects corruption.

response.py      a response, and the key that covers everything it depends on
frame.py         what the chat template writes around a question's text, to check the prompts of a run
log.py           `ResponseLog`: append, look up, resume; `add` commits, and what is committed survives a kill
sqlite_file.py   the file: its one format, write-ahead logging (WAL), checksums, and what a damaged file still holds
"""
