"""Where TRL's and transformers' trainers do otherwise than they would."""
