"""``python -m pytest_trustml.gate``: reports of any number of shards and a policy become one decision and an exit code."""
