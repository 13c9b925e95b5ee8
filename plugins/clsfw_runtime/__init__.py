"""What models need that run without torch: texts to token ids, parts of little padding, logits to probabilities.

A library without an entry point, shared by the bundled exporters and by the encoders whose tokenization they repeat.
"""
