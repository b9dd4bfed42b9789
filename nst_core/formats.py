"""Which kind of file some bytes are, told from their first bytes; standard library only.

Nothing is decoded here, so these answers are safe to ask of hostile bytes: they come before any
image library sees a file.
"""

from __future__ import annotations

import struct
from typing import Final

HEAD_BYTES: Final = 4096
"""How far into a file its kind is looked for: an SVG may begin with comments and a DOCTYPE."""

DEEP_JPEG: Final = "a JPEG of more than 8 bits"
_SIGNATURES: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_FOREIGN_SIGNATURES: Final = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\1\0", "ICO"),
    (b"\x1aE\xdf\xa3", "video"),
)
_BMP_HEADER_BYTES: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIC_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_JPEG_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_WEBP_CHUNKS: Final = frozenset({b"VP8 ", b"VP8L", b"VP8X"})


def picture_format(data: bytes) -> str:
    """Return JPEG, PNG, WebP, GIF, AVIF, HEIC, BMP or TIFF, or "" for anything else."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and data[12:16] in _WEBP_CHUNKS:
        return "WebP"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADER_BYTES:
        return "BMP"
    brands = _brands(data)
    if brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIC" if brands & _HEIC_BRANDS else ""


def foreign_format(data: bytes) -> str:
    """Return the name of a kind of picture or video that we do not read, or ""."""
    for signature, name in _FOREIGN_SIGNATURES:
        if data.startswith(signature):
            return name
    return "video" if _brands(data) and not picture_format(data) else ""


def document_kind(data: bytes) -> str:
    """Return what a file of drawing instructions is, with its article, or ""."""
    head = data[:HEAD_BYTES].replace(b"\0", b"").lower()  # without zeros UTF-16 reads like ASCII
    if b"%pdf-" in head[:1024]:
        return "a PDF document"
    if head.startswith((b"%!ps", b"\xc5\xd0\xd3\xc6")):
        return "a PostScript drawing"
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    is_svg = text.startswith(b"<") and b"<svg" in text and b"<html" not in text
    return "an SVG drawing" if is_svg else ""


def webp_size_px(data: bytes) -> tuple[int, int]:
    """Return a WebP's canvas (width, height), or (0, 0) when its header is broken.

    The decoder allocates the canvas as soon as it is made, so that the size has to be known before.
    """
    head = data[:30].ljust(30, b"\0")
    if head[12:16] == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if head[12:16] == b"VP8L" and head[20:21] == b"\x2f":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if head[12:16] == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width_px, height_px = struct.unpack_from("<HH", head, 26)
        return width_px & 0x3FFF, height_px & 0x3FFF
    return 0, 0


def jpeg_bits(data: bytes) -> int:
    """Return a JPEG's bits per sample, or 0 when its frame header is not found."""
    position = 2
    while data[position : position + 1] == b"\xff" and position + 5 <= len(data):
        marker = data[position + 1]
        if marker in _JPEG_FRAMES:
            return data[position + 4]
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return 0


def gif_frames(data: bytes, *, most: int) -> int:
    """Return how many frames a GIF has, at most `most` + 1, walking its blocks without decoding."""
    frames = 0
    try:
        position = 13 + _color_table_bytes(data[10])
        while frames <= most:
            block = data[position : position + 1]
            if block == b"\x21":  # an extension
                position = _after_blocks(data, position + 2)
            elif block == b"\x2c":  # an image: its descriptor, colours, code size, pixels
                frames += 1
                position = _after_blocks(data, position + 11 + _color_table_bytes(data[position + 9]))
            else:
                break
    except IndexError:  # cut short: whether its first frame is whole is the decoder's to say
        return frames
    return frames


def _color_table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: bytes, position: int) -> int:
    while data[position]:
        position += 1 + data[position]
    return position + 1


def _brands(data: bytes) -> frozenset[bytes]:
    """Return the brands that an ISO media file (AVIF, HEIC, MP4, QuickTime) says it is."""
    if data[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(data[:4], "big"), 256)
    return frozenset([data[8:12], *(data[start : start + 4] for start in range(16, end, 4))])
