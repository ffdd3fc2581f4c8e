"""What training shares across trainers: rewards, curriculum, option similarity, the training log and its curves."""
