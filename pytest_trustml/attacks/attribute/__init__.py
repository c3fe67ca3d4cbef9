"""Reading a sensitive attribute off what a model makes of an input."""
