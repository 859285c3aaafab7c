"""Faces in pictures: detection, landmarks, crops."""
