"""What runs in the container: the trainer, the chat, and the contract they share with the app."""
