"""Records shown (`page`, `svg`), checked (`verification`, `shard_checks`)."""
