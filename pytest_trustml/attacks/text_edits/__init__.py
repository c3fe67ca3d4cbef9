"""Seeded, offline, batched attacks on text classifiers that can only be asked: small edits that change the answer."""
