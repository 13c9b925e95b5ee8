"""What the Python process is like: what an import changed in it, and the signals that ask it to stop."""
