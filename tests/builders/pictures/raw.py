"""Files that Pillow cannot write, byte by byte."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

from PIL import ImageCms

from pictures.card import picture, saved

if TYPE_CHECKING:
    import numpy as np


def png(
    width_px: int, height_px: int, *, depth: int, color_type: int, scanlines: bytes, **extra: bytes
) -> bytes:
    """Return a PNG of raw scanlines (each with its filter byte); `extra` chunks stand before them."""
    header = struct.pack(">IIBBBBB", width_px, height_px, depth, color_type, 0, 0, 0)
    chunks = [(b"IHDR", header), *((name.encode(), body) for name, body in extra.items())]
    chunks += [(b"IDAT", zlib.compress(scanlines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, body) for name, body in chunks)


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_16_bit(pixels: np.ndarray[Any, Any], *, color_type: int, **extra: bytes) -> bytes:
    """Return (H, W, C) integers of 0…65535 as a 16-bit PNG."""
    rows = pixels.astype(">u2").reshape(pixels.shape[0], -1)
    scanlines = b"".join(b"\0" + row.tobytes() for row in rows)
    return png(
        pixels.shape[1], pixels.shape[0], depth=16, color_type=color_type, scanlines=scanlines, **extra
    )


def png_of_zeros(side_px: int) -> bytes:
    """Return a black 8-bit PNG that is whole and valid, and a thousand times smaller than its pixels.

    The same compressed piece is repeated, so that making it takes no time.
    """
    rows = side_px // 100
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = deflate.compress(bytes((side_px + 1) * rows)) + deflate.flush(zlib.Z_FULL_FLUSH)
    total = (side_px + 1) * rows * 100
    adler = total % 65521 << 16 | 1  # of zeros: the low half stays 1, the high half counts them
    stream = b"\x78\xda" + piece * 100 + b"\x03\0" + struct.pack(">I", adler)
    header = struct.pack(">IIBBBBB", side_px, rows * 100, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


def gif_of_frames(frames: int) -> bytes:
    """Return the card as a GIF that repeats its only frame."""
    data = saved(picture(), "GIF")
    colors = 13 + (3 << (data[10] & 7) + 1)
    start = data.index(b",", colors)
    assert data.endswith(b";")
    return data[:start] + data[start:-1] * frames + b";"


def icc_profile(space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return an ICC version 2 input profile."""
    header_bytes, entry_bytes = 128, 12
    start = header_bytes + 4 + entry_bytes * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content.ljust(-(-len(content) // 4) * 4, b"\0")
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"scnr", space, pcs)
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _fixed(0.9642, 1, 0.8249)
    return head.ljust(header_bytes, b"\0") + table + body


def _fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def rotated_rgb_profile() -> bytes:
    """Return sRGB with its primaries exchanged: (R, G, B) in it is (G, B, R) in sRGB."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for entry in range(int.from_bytes(data[128:132], "big")):
        at = 132 + 12 * entry
        renamed = {b"rXYZ": b"gXYZ", b"gXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}
        data[at : at + 4] = renamed.get(bytes(data[at : at + 4]), data[at : at + 4])
    return bytes(data)


def linear_grey_profile() -> bytes:
    """Return a grey profile whose numbers are proportional to light."""
    white = b"XYZ " + bytes(4) + _fixed(0.9642, 1, 0.8249)
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, 0x0100)  # gamma 1.0
    return icc_profile(b"GRAY", b"XYZ ", {b"wtpt": white, b"kTRC": curve})


def odd_cmyk_profile() -> bytes:
    """Return a CMYK profile in which cyan ink is blue, magenta ink red, yellow ink green, the rest black."""
    lab = {  # the sRGB primaries under D50
        (0, 0, 0, 0): (100, 0, 0),
        (1, 0, 0, 0): (29.57, 68.30, -112.03),
        (0, 1, 0, 0): (54.29, 80.80, 69.89),
        (0, 0, 1, 0): (87.82, -79.27, 80.99),
    }
    grid = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    colors = [lab.get(inks, (0, 0, 0)) for inks in grid]
    entries = b"".join(bytes((round(li * 2.55), round(a) + 128, round(b) + 128)) for li, a, b in colors)
    ramp = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    white = b"XYZ " + bytes(4) + _fixed(0.9642, 1, 0.8249)
    return icc_profile(b"CMYK", b"Lab ", {b"wtpt": white, b"A2B0": table + ramp * 4 + entries + ramp * 3})
