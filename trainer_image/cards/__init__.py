"""What cards there are, and what becomes of them in a run: asked of NVIDIA's driver; no torch here."""
