"""Configs of the training stages, one file each."""
