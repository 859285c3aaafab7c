"""Several people of one picture, who speak in turn and listen."""
