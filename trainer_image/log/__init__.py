"""What a run says in text: its log without secrets, and a crash as a sentence."""
