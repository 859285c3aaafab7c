"""Figures over clips: `bootstrap` (intervals), `spread` (distances of sets)."""
