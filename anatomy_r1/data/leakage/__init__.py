"""What training and test share.

The passport that a score carries, from questions (`passport`), pictures (`pictures`),
a prepared set (`of_set`) or released files (`of_files`), and how it is printed (`text`).
"""
