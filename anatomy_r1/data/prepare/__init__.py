"""Each source (SSG-VQA, OmniMedVQA, the authors' released files) is read and checked, and becomes a prepared set."""
