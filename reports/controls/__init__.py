"""Controls beside the scores: without the picture, with options rotated, without training."""
