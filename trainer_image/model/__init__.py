"""A model: its sizes and files, and how it is loaded to be trained, asked or to judge."""
