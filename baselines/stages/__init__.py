"""The stages of a cell: data, base model, training, evaluation, publication, curves."""
