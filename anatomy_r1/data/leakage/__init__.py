"""Leakage: what training and test questions share.

passport   the passport of two sets of questions, as a value and as text, and the perceptual hashes for it
sides      passports of prepared sets and of files
"""
