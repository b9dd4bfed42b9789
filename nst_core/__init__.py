"""The painter: neural style transfer, and nothing that knows Discord or asyncio.

errors, protocol, presets   standard library only; the bot imports these
images                      encoded bytes ↔ image tensors
features, losses, transfer  the algorithm: a generator of steps
curve                       the loss-curve plot
worker                      the worker program, one process per device
commandline, __main__       the command line `nst`

Nothing is re-exported here, so that `import nst_core.protocol` never loads torch.
"""

__version__ = "0.1.0"
