"""Restoring the faces of finished frames."""
