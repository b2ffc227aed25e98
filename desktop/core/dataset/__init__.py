"""The dataset doctor: what a file holds, what is wrong with it, and what else a person should know of it."""
