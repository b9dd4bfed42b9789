"""Real pictures damaged in the ways that files are damaged, and in the ways that break decoders."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final

from nst_core.formats import picture_format

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    Mutator = Callable[[bytes, random.Random, Sequence[bytes]], bytes]

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
HEAD_BYTES: Final = 512
"""Most formats keep their sizes and offsets here."""
CHANGES: Final = (1, 1, 1, 2, 3)
"""How many things are wrong: mostly one, or a decoder never gets beyond the first."""
LIES: Final = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
"""Lengths that overflow, wrap around, or reach far beyond the end."""
PIECE_BYTES: Final = 64
SIZES_PX: Final = (0, 1, 15, 16, 255, 4096, 7999, 16384, 32767, 65535)


def mutated(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Return a picture's file with one to three things wrong with it.

    Args:
        data: the file.
        chance: decides.
        others: files to splice with.
    """
    for _ in range(chance.choice(CHANGES)):
        data = chance.choice(MUTATORS)(data, chance, others) or data
    return with_right_sums(data) if chance.getrandbits(1) else data


def bit_flips(data: bytes, chance: random.Random, _others: Sequence[bytes]) -> bytes:
    """Turn single bits over, up to 64 of them."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def truncation(data: bytes, chance: random.Random, _others: Sequence[bytes]) -> bytes:
    """Cut the end off."""
    return data[: chance.randrange(1, len(data) + 1)]


def chunk_duplication(data: bytes, chance: random.Random, _others: Sequence[bytes]) -> bytes:
    """Repeat, drop or move one of the pieces that the format is made of."""
    parts = pieces(data)
    at = chance.randrange(len(parts))
    match chance.randrange(3):
        case 0:
            parts[at:at] = [parts[at]] * chance.choice((1, 2, 50))
        case 1:
            del parts[at]
        case _:
            parts.insert(chance.randrange(len(parts)), parts.pop(at))
    return b"".join(parts)


def length_lie(data: bytes, chance: random.Random, _others: Sequence[bytes]) -> bytes:
    """Write a wild number over what may be a length, an offset or a size."""
    parts = pieces(data)
    starts = [sum(map(len, parts[:at])) for at in range(min(len(parts), 64))]
    reach = min(len(data), HEAD_BYTES)
    at = chance.choice([*starts, chance.randrange(reach), chance.randrange(reach)])
    number = chance.choice((*LIES, chance.getrandbits(32), len(data) * 2))
    shape = chance.choice(("<H", ">H", "<I", ">I"))
    lie = struct.pack(shape, number & (0xFFFF if shape.endswith("H") else 0xFFFFFFFF))
    return data[:at] + lie + data[at + len(lie) :]


def splice(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Go on as another file, often of another format."""
    other = chance.choice(others)
    return data[: chance.randrange(1, len(data) + 1)] + other[chance.randrange(len(other)) :]


def header_rewrite(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Begin as another file, or claim another size."""
    if chance.getrandbits(1):
        head = chance.choice(others)[: chance.choice((4, 12, 26, 32, 64))]
        return head + data[len(head) :]
    width_px, height_px = chance.choice(SIZES_PX), chance.choice(SIZES_PX)
    shape, at = {
        "PNG": (">II", 16),
        "GIF": ("<HH", 6),
        "BMP": ("<II", 18),
        "WebP": ("<HH", 26),
        "JPEG": (">HH", max(0, data.find(b"\xff\xc0")) + 5),
    }.get(picture_format(data), (">II", max(0, data.find(b"ispe")) + 8))
    size = struct.pack(shape, width_px, height_px)
    return data[:at] + size + data[at + len(size) :]


MUTATORS: Final[tuple[Mutator, ...]] = (
    bit_flips,
    bit_flips,
    bit_flips,
    truncation,
    chunk_duplication,
    length_lie,
    splice,
    header_rewrite,
)


def pieces(data: bytes) -> list[bytes]:
    """Return a file cut where its format says; every 64 bytes where it does not say."""
    cut = {"PNG": _png_end, "WebP": _riff_end, "JPEG": _jpeg_end, "AVIF": _box_end, "HEIC": _box_end}
    end_of = cut.get(picture_format(data), lambda _data, at: at + PIECE_BYTES)
    start = {"PNG": len(PNG_SIGNATURE), "WebP": 12, "JPEG": 2}.get(picture_format(data), 0)
    parts = [data[:start]] if start else []
    while start < len(data):
        end = max(start + 1, min(len(data), end_of(data, start)))
        parts.append(data[start:end])
        start = end
    return parts


def with_right_sums(data: bytes) -> bytes:
    """Return a PNG whose checksums are right again, so that damage gets past them; else the file as it is."""
    if not data.startswith(PNG_SIGNATURE):
        return data
    head, *chunks = pieces(data)
    whole = 12
    return head + b"".join(
        chunk[:-4] + struct.pack(">I", zlib.crc32(chunk[4:-4])) if len(chunk) >= whole else chunk
        for chunk in chunks
    )


def _png_end(data: bytes, at: int) -> int:
    return at + 12 + int.from_bytes(data[at : at + 4], "big")


def _riff_end(data: bytes, at: int) -> int:
    length = int.from_bytes(data[at + 4 : at + 8], "little")
    return at + 8 + length + length % 2


def _box_end(data: bytes, at: int) -> int:
    return at + (int.from_bytes(data[at : at + 4], "big") or len(data))


def _jpeg_end(data: bytes, at: int) -> int:
    if data[at : at + 1] != b"\xff" or data[at + 1 : at + 2] == b"\xda":  # pixels follow
        return len(data)
    return at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
