"""The launcher's part of a run: the trainer's processes prepared, started, kept ready and watched."""
