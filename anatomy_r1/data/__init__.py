"""Prepared sets of questions: splits, images and stems; readers, preparation, augmentation and leakage below."""
