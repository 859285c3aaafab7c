"""Pure functions on arrays: no networks, no configuration, no files."""
