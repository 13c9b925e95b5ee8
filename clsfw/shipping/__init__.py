"""Carries a finished run to where it is needed, and its evidence along with it."""
