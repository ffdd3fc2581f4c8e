"""Leakage: what training and test questions share.

passport       the passport of two sets of questions, as a value
image_hashes   perceptual hashes, for near-duplicate images
sides          passports of prepared sets and of files
text           a passport as text
"""
