"""Running code that a model wrote: started by run.py, shut in by walls.py, and judged from outside through talk.py."""
