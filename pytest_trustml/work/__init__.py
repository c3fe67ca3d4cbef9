"""What is paid for once: observations of models, the cache that keeps them, progress, and randomness that repeats."""
