"""The only place that writes a run directory: atomically, under a lock, and verified."""
