"""Setting up a run: the form, its presets, saved configs, will it fit, and Start."""
