"""Rules and memory: no Qt, no Docker."""
