"""Adversaries that several families share. Each works on arrays, texts and plain functions, so that anyone can use it."""
