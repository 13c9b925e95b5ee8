"""Writes the first version of a plugin or of a recipe."""
