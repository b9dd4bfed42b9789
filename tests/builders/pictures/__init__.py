"""Builders of every kind of picture that people send, good and bad.

All good ones show the same card, 96×64: four quarters of different colours, so that a picture which
came out turned, mirrored, clipped, or in the wrong colours is told from one that came out right.
`tests/conftest.py` makes them fixtures.
"""
