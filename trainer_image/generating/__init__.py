"""Methods that let the model try: prompts to it, answers of it, and what judges them."""
