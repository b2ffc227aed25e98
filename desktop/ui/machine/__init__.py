"""The machine: its cards, its doctor and the image."""
