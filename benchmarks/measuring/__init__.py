"""How speed is measured where a stopwatch alone would not be fair."""
