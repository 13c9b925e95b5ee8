"""Uses a finished run: labels texts and files, scores new data, exports rows."""
