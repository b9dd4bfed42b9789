"""The command line `nst`, in parts: arguments, one module per command, what they share.

A command takes its parsed arguments and returns an `Answer`; only `nst_core.__main__` prints.
Nothing here loads torch before it is needed, so that help and lists come at once.
"""
