"""Lets ``python -m pytest_trustml.gate`` decide."""

import sys

from pytest_trustml.gate.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
