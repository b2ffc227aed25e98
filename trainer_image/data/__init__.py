"""From the rows of a dataset to token ids, labels and batches."""
