"""How checks are written, found and run."""
