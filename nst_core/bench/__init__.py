"""How fast painting is here, and how near that is to what this machine could do."""
