"""From a source format to a prepared set: SGG-VQA, OmniMedVQA and the released files."""
