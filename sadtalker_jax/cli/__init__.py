"""Command-line programs: thin mains over functions of the library."""
