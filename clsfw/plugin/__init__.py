"""What plugins are: hooks, components, contracts, and how they are found."""
