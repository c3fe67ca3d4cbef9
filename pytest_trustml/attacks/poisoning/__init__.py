"""Training data that an attacker has changed: triggers and the backdoors that they open."""
