"""Labels many files into a folder of parts, on this machine or on what an executor offers."""
