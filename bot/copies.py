"""Copies of a picture for the collection, made by a program of its own: the bot loads no image library."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.intake import MIB
from nst_core.errors import USER_ERRORS, Fault, UploadTooLarge

if TYPE_CHECKING:
    from bot.config import LimitsSection

log: Final = logging.getLogger(__name__)

WITHIN_S: Final = 60.0
"""It loads the painting libraries first; a cold disk and a picture of 64 megapixels take half a minute."""
MOST_UNCOPIED_MIB: Final = 4.0
"""What is kept as it came, where there is nothing to make copies with."""


@dataclass(frozen=True, slots=True)
class Copies:
    """A picture to paint from, and a small one to show."""

    style: bytes
    thumbnail: bytes | None


async def make(
    image: bytes,
    *,
    limits: LimitsSection,
    command: tuple[str, ...] = (sys.executable, "-m", "nst_core.copies"),
    within_s: float = WITHIN_S,
) -> Copies:
    """Return the copies of a picture.

    Args:
        image: an encoded picture.
        limits: what is accepted.
        command: the program.
        within_s: how long it may take.

    Raises:
        UserError: it is no picture that can be painted from.
        Fault: the program failed.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        f"--megapixels={limits.megapixels:g}",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within_s):
            output, complaint = await process.communicate(image)
    except TimeoutError:
        raise Fault(f"no copies within {within_s} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode == 0:
        return _read(output)
    if b"ModuleNotFoundError" in complaint:  # a bot whose workers are other machines
        return _as_it_came(image)
    raise Fault(f"no copies: {complaint.decode(errors='replace')[-2000:]}")


def _read(output: bytes) -> Copies:
    line, _, blobs = output.partition(b"\n")
    said = json.loads(line)
    if "error" in said:
        raise USER_ERRORS[said["error"]](said["code"], **said["values"])
    middle, end = said["lengths"][0], sum(said["lengths"])
    return Copies(blobs[:middle], blobs[middle:end])


def _as_it_came(image: bytes) -> Copies:
    size_mib = len(image) / MIB
    if size_mib > MOST_UNCOPIED_MIB:
        raise UploadTooLarge(
            "upload_too_large", role="style", size_mib=f"{size_mib:.1f}", limit_mib=f"{MOST_UNCOPIED_MIB:g}"
        )
    log.info("kept_without_copies bytes=%d", len(image))
    return Copies(image, None)
