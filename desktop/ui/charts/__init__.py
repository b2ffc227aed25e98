"""Curves, their charts and what is said on them."""
