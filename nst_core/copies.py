"""A picture's copies for a collection: one to paint from, one to show in a list.

A program of its own, `python -m nst_core.copies`, so that whoever needs the copies (the bot) loads no
image library: the picture comes in on standard input, and out goes one line of JSON. It holds either
"lengths", of the two JPEGs that follow it, or the "error", "code" and "values" of a `UserError`.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Final

from nst_core.errors import UserError
from nst_core.limits import Limits

STYLE_PX: Final = 1600
"""Long side of the copy to paint from: more than the largest picture needs of a style."""
THUMBNAIL_PX: Final = 320
"""Long side of the copy to show: three beside each other fill Discord's column on a sharp screen."""
STYLE_QUALITY: Final = 92
THUMBNAIL_QUALITY: Final = 80


def thumbnail(data: bytes) -> bytes:
    """Return a small JPEG of an encoded picture, without metadata.

    Raises:
        BadImage: no picture, or none that can be painted.
    """
    from nst_core import decoding  # noqa: PLC0415 - it brings Pillow, which a list of paintings never needs

    image = decoding.decode(data, long_side_px=THUMBNAIL_PX)
    return decoding.view(image, long_side_px=THUMBNAIL_PX, quality=THUMBNAIL_QUALITY)


def style_copy(data: bytes, *, megapixels: float) -> bytes:
    """Return a JPEG of an encoded picture, without metadata, no larger than a style needs to be.

    Raises:
        BadImage: no picture, or none that can be painted.
        UploadTooLarge: more bytes than accepted.
    """
    from nst_core import decoding  # noqa: PLC0415 - as above

    limits = _limits(data, megapixels)
    image = decoding.decode(data, role="style", limits=limits, long_side_px=STYLE_PX)
    return decoding.view(image, long_side_px=STYLE_PX, quality=STYLE_QUALITY)


def answer(data: bytes, *, megapixels: float) -> bytes:
    """Return what the program prints for a picture."""
    try:
        style = style_copy(data, megapixels=megapixels)
    except UserError as error:
        refusal = {"error": type(error).__name__, "code": error.code, "values": error.values}
        return json.dumps(refusal).encode() + b"\n"
    small = thumbnail(style)
    return json.dumps({"lengths": [len(style), len(small)]}).encode() + b"\n" + style + small


def _limits(data: bytes, megapixels: float) -> Limits:
    return Limits(max_bytes=max(1, len(data)), max_megapixels=max(1, int(megapixels)))


def main() -> None:
    """Read a picture, print its copies; in no more memory than a picture needs."""
    from nst_core import decoder  # noqa: PLC0415 - as above

    parser = argparse.ArgumentParser(prog="python -m nst_core.copies", description="Copy a picture smaller.")
    parser.add_argument("--megapixels", type=float, default=64.0, help="largest picture (default: 64)")
    arguments = parser.parse_args()
    data = sys.stdin.buffer.read()
    decoder.limit_memory(decoder.memory_for(_limits(data, arguments.megapixels)))
    sys.stdout.buffer.write(answer(data, megapixels=arguments.megapixels))


if __name__ == "__main__":
    main()
