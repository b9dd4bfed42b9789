"""What the rehearsal needs besides the bot: a simulated Discord in real time, and photos to try."""
