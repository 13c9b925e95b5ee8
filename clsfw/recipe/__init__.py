"""From a recipe file to a plan: every problem found at once, each with its place."""
