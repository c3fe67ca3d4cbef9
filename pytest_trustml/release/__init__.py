"""A release directory: what teams publish, described by ``trustml.toml``, and the demo releases."""
