"""The parts of `soak.py`: what is done (`run`), what is measured (`samples`), what is said (`report`)."""
