"""A simulated Discord server with the bot at work on it, and eyes for what people see there."""
