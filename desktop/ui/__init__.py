"""Widgets: they show controllers and hold no rules."""
