"""Kept sessions: what of a run is kept, where, and how it is read and handed on."""
