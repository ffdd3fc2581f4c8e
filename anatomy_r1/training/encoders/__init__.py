"""Text encoders for S(q): option texts in, one vector each out, with the identity of what made it."""
