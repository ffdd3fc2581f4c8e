"""Control experiments: what a policy scores with no image, a wrong image or rotated options."""
