"""The checks of the family, one per file. None of them loads a model library before it runs."""
