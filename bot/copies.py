"""Copies of a picture for the collection, made by a program of its own: the bot loads no image library."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.intake import MIB
from bot.pool.process import without_secrets
from nst_core import formats
from nst_core.errors import USER_ERRORS, BadImage, Fault, UploadTooLarge

if TYPE_CHECKING:
    from bot.config import LimitsSection

log: Final = logging.getLogger(__name__)

WITHIN_S: Final = 60.0
"""On a cold disk a picture of 64 megapixels takes half a minute."""
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
        UserError: it is no picture that can be painted from, or one that takes too much time or memory.
        Fault: the program failed.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        f"--megapixels={limits.megapixels:g}",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=without_secrets(os.environ),
    )
    try:
        async with asyncio.timeout(within_s):
            output, complaint = await process.communicate(image)
    except TimeoutError:
        log.warning("copies_too_slow within_s=%s bytes=%d", within_s, len(image))
        raise BadImage("image_too_costly", role="style") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode == 0:
        return _read(output)
    if b"ModuleNotFoundError" in complaint:  # a bot whose workers are other machines
        return _as_it_came(image)
    if process.returncode is not None and process.returncode < 0:  # the decoder crashed on it
        log.warning("copies_crashed exit_code=%d bytes=%d", process.returncode, len(image))
        raise BadImage("image_damaged", role="style", kind=formats.picture_format(image))
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
