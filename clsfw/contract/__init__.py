"""What a plugin and the engine owe each other: hooks, components, protocols and the values between them."""
