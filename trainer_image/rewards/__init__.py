"""What makes an answer good: one file a reward, registry.py builds those that a run asks for. Standard library only."""
