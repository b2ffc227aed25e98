"""Checkpoints and other folders: written whole or not at all, and looked through."""
