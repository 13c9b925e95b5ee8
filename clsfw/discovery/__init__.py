"""Finds plugins, and guards every call into their code."""
