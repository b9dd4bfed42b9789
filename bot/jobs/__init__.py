"""From a submitted request to exactly one result message."""
