"""What a person sees of a run: the terminal, the HTML report, the model card."""
