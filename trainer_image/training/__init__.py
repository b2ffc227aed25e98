"""What happens around the steps of a training: between them, before them, and over all processes."""
