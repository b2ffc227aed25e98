"""New versions made of others: split, sampled, without copies, merged; the files they are made of stay as they are."""
