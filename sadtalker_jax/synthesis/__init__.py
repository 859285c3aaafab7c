"""Clips with known coefficients, drawn instead of filmed; an offline tool."""
