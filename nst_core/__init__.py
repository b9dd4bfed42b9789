"""The painter: neural style transfer, and nothing that knows Discord or asyncio.

errors, protocol, presets   standard library only; the bot imports these
images                      encoded bytes ↔ image tensors
features, losses, transfer  the algorithm: a generator of steps
magenta                     the draft's two small networks
oklab, masking              the photo's colours kept; where to paint
curve, timelapse            the loss-curve plot; how the picture came to be
worker                      the worker program, one process per device
commandline, __main__       the command line `nst`

Nothing is re-exported here, so that `import nst_core.protocol` never loads torch.
"""

__version__ = "0.1.0"
