"""Weights on disk: Orbax files, bundles of them, bundles from the Hub."""
