"""What is said about a run: the schema, its encoding, and the hub that makes frames."""
