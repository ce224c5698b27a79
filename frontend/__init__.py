"""The voice client page and the small server that hands it out."""
