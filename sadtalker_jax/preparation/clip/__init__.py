"""The work on one clip: cut out, measured, judged, described."""
