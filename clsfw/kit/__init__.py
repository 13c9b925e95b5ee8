"""What plugin authors need and should not write again."""
