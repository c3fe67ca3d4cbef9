"""The checks that ship with pytest-trustml: one folder per family, all with the same rooms."""
