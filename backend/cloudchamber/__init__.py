"""Cloud Chamber: a language model's inference, made visible while it happens."""

__version__ = "0.1.0"
