"""How the head that ships was built from MakeHuman's CC0 data."""
