"""The outside world, one doorway each: plain values in and out."""
