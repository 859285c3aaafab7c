"""Figures over clips: `bootstrap` intervals, `spread` of sets (FID)."""
