"""What the README promises of the bot in trouble, tried: each program prints its counts."""
