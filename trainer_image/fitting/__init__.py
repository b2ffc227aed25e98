"""What a run needs of its cards' memory, how it is spread over them, and what would fit: arithmetic; no torch."""
