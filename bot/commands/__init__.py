"""The application commands, one file per family."""
