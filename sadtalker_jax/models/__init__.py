"""Every network as a Flax Linen module; the only importer of `flax.linen`."""
