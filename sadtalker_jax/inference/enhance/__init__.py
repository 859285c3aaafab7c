"""Faces of finished frames restored."""
