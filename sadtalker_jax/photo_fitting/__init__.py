"""The packaged head fitted to photos, and how well; an offline tool."""
