"""Living objects with signals and timers, and no widgets."""
