"""The stages of a run: data, base model, training, evaluation, curves, publication."""
