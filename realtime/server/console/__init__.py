"""The page a browser sees on ``/``: static files, no build step."""
