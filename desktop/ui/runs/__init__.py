"""The table of runs, the queue, comparing, and what is done with a run."""
