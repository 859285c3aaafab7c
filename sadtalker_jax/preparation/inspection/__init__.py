"""Records looked at (`page`, `svg`) and checked (`verification`)."""
