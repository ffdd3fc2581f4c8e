"""What training needs, and what checks it afterwards.

method_names.py   ids and titles of all methods
rewards.py        reward functions
similarity.py     S(q): how similar options are; encoders.py computes it
curriculum.py     ASC-Learning: levels and distractors
training_log.py   the log of a run: steps, rollouts, examples, and the inputs of some losses, kept for certificates
certificate/      what a log proves about its run
curves.py         what figures need of a log, and a few groups in full
hub.py            models from the Hugging Face hub's cache, pinned to a commit
"""
