"""The bot: Discord on one side, a pool of workers on the other. Never imports torch or Pillow."""
