"""The chat with a finished run."""
