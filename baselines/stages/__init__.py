"""The stages of a run: world, data, released files, base model, train, evaluate; and curves of what was trained."""
