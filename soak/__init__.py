"""Figures that take a crowd, or time: many viewers, viewers that don't read, hostile input, hours."""
