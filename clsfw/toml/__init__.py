"""Reads and writes TOML with the place of every key; knows nothing of clsfw."""
