"""Preparations: each turns a source (SSG-VQA, OmniMedVQA, the authors' released files) into a prepared set."""
