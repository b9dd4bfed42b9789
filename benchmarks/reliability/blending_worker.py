"""The real worker with its real door for pictures, which blends instead of painting: for `fuzz.py`.

Everything that strangers' bytes meet is the bot's own: the pipe, the decoder's process with its limits,
tensors, files. Only the walk between them is one step of arithmetic, so that thousands fit into minutes.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

import torch

from nst_core.decoder import Decoder
from nst_core.images import DEFAULT_LIMITS, fit, to_tensor
from nst_core.painting import paint
from nst_core.protocol import Ready
from nst_core.transfer import Step
from nst_core.worker import Painter, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nst_core.features import FeatureExtractor
    from nst_core.painting import Pictures
    from nst_core.protocol import StyleRequest

SHARE = 0.25
"""Of the style: so little that a content image is recognised in its result."""


def blend(request: StyleRequest, pictures: Pictures, _extractor: FeatureExtractor | None) -> Iterator[Step]:
    """Yield one step: the content image, tinted by the style image's mean colour."""
    size_px = request.params.long_side_px
    content = to_tensor(fit(pictures.content, size_px))
    tints = [to_tensor(fit(style, size_px)).mean(dim=(2, 3), keepdim=True) for style in pictures.styles]
    pastiche = content * (1 - SHARE) + torch.stack(tints).mean(dim=0) * SHARE
    yield Step(index=1, total=1, losses={"total": 0.0}, pastiche=pastiche, scale_px=size_px)


def no_impression(*_: object) -> Iterator[Step]:
    """Yield nothing."""
    return iter(())


def open_studio() -> tuple[Ready, Painter]:
    """Return what `nst_core.studio.open_studio` returns, without a network."""
    torch.set_num_threads(1)
    painter = functools.partial(
        paint,
        extractor=None,  # type: ignore[arg-type]  # `blend` asks for none
        walk=blend,  # type: ignore[arg-type]
        impress=no_impression,
        limits=DEFAULT_LIMITS,
        read=Decoder(DEFAULT_LIMITS),
    )
    return Ready(device="cpu", device_name="a blending one", memory_bytes=0, pid=os.getpid()), painter


if __name__ == "__main__":
    os._exit(serve(open_studio))
