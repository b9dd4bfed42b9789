"""What the tools that make weights files share: how such a file is written, and what is said of it."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Array = np.ndarray[Any, np.dtype[Any]]

DTYPES: Final = {"float16": "F16", "float32": "F32", "int8": "I8"}


class SourceError(Exception):
    """A source that is not what it should be."""


def write(state: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """Return parameters as a safetensors file, in the types they have.

    Written by hand, because the library orders the metadata by chance and so never writes the
    same file twice. Format: a little-endian u64, that many bytes of JSON, then the numbers.
    """
    header: dict[str, object] = {"__metadata__": metadata}
    numbers = io.BytesIO()
    for name in sorted(state, key=lambda name: (state[name].dtype == np.int8, name)):  # floats stay aligned
        start = numbers.tell()
        numbers.write(np.ascontiguousarray(state[name]).tobytes())
        header[name] = {
            "dtype": DTYPES[state[name].dtype.name],
            "shape": list(state[name].shape),
            "data_offsets": [start, numbers.tell()],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + numbers.getvalue()


def make(
    argv: list[str] | None,
    read: Callable[[Path], bytes],
    *,
    description: str | None,
    sources: str,
    bundled: Path,
    refusals: tuple[type[Exception], ...],
) -> int:
    """Make a file from the source that a command line names, and say whether it is the bundled one.

    Args:
        argv: the command line; None for this process's own.
        read: from a source to the file.
        description: for `--help`.
        sources: which sources there are.
        bundled: where the bundled file stands.
        refusals: what `read` raises for a source that is not right.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help=sources)
    parser.add_argument(
        "-o", "--output", type=Path, default=bundled, help="default: the bundled file's place"
    )
    arguments = parser.parse_args(argv)
    try:
        data = read(arguments.source)
    except (SourceError, OSError, *refusals) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    same = bundled.is_file() and bundled.read_bytes() == data
    arguments.output.write_bytes(data)
    print(f"{arguments.output}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")
    print("identical with the bundled file" if same else "NOT identical with the bundled file")
    return 0
