"""Answers over HTTP with the model of a run or of an artifact; only `clsfw serve` imports it."""
