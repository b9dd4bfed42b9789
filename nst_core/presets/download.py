"""Paintings that are downloaded at their first use, and the cache that keeps them. Standard library only.

Nothing is trusted: only HTTPS, only Wikimedia's hosts (after each redirect as well), limits on size
and time, and a whole JPEG or PNG at the end. A file appears in the cache only when it is complete.
"""

from __future__ import annotations

import http.client
import logging
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import urlsplit

from nst_core import __version__
from nst_core.errors import Unavailable
from nst_core.formats import picture_format

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOG: Final = logging.getLogger(__name__)
_CHUNK_BYTES: Final = 64 * 1024
_ENDINGS: Final = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
_TAIL_BYTES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a download may come from, and how long and large it may be."""

    scheme: str = "https"
    hosts: frozenset[str] = frozenset(
        {"commons.wikimedia.org", "upload.wikimedia.org", "thumb.wikimedia.org"}
    )
    """With their port, where it is not the scheme's own."""
    user_agent: str = f"Gafuu/{__version__} (neural style transfer; fetches single paintings at 960 px)"
    """Wikimedia refuses programs that do not say who they are; `signed` adds whom to write to."""
    max_bytes: int = 8 * 1024 * 1024
    """A painting 960 px wide takes about 0.3 MiB."""
    silence_s: float = 10
    """Longest wait for the next bytes."""
    total_s: float = 45
    """Longest download in all."""


WIKIMEDIA: Final = Source()


class _NotAsExpectedError(Exception):
    """What came is not what was asked for; trying again at once would not help."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but only to where a download may come from."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def redirect_request(  # noqa: PLR0917 - urllib's own signature
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Check the new address before anything is sent there."""
        try:
            _check_address(newurl, self._source)
        except _NotAsExpectedError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def cached(key: str, title: str, url: str, *, cache: Path | None, source: Source) -> bytes:
    """Return a downloaded picture from the cache, downloading it first where needed.

    Safe to call at the same time from threads and processes: at worst both download.

    Args:
        key: its name in the cache.
        title: what a complaint calls it.
        url: its address.
        cache: the folder; None is `cache_folder`.
        source: what is allowed.

    Raises:
        Unavailable: it did not come, or something else came.
    """
    folder = cache if cache is not None else cache_folder(os.environ)
    kept = folder / f"{key}-{sha256(url.encode()).hexdigest()[:12]}"  # another address, another file
    with suppress(OSError):
        data = kept.read_bytes()
        if _is_whole_picture(data):
            return data
    data = _download(title, url, signed(source, os.environ))
    try:
        _keep(kept, data)
    except OSError as error:  # a cache that cannot be written costs time, not the picture
        _LOG.warning("preset-not-kept id=%s error=%s", key, error)
    return data


def signed(source: Source, environ: Mapping[str, str]) -> Source:
    """Return the source with GAFUU_CONTACT (a mail address or page) in its User-Agent.

    Wikimedia asks for a contact; who runs this program knows theirs, we do not.
    """
    contact = environ.get("GAFUU_CONTACT", "").encode("ascii", "ignore").decode()
    contact = "".join(letter for letter in contact if letter.isprintable())
    return replace(source, user_agent=f"{source.user_agent} contact: {contact}") if contact else source


def cache_folder(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Return where downloads are kept: XDG_CACHE_HOME, or where this platform keeps such things."""
    name = Path("gafuu") / "presets"
    if xdg := environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / name
    if platform == "win32" and (local := environ.get("LOCALAPPDATA")):
        return Path(local) / name
    home = Path(environ.get("HOME") or Path.home())
    return home / ("Library/Caches" if platform == "darwin" else ".cache") / name


def _download(title: str, url: str, source: Source) -> bytes:
    try:
        return _fetch(url, source)
    except _NotAsExpectedError as error:
        _LOG.warning("preset-broken url=%s error=%s", url, error)
        raise Unavailable("preset_broken", title=title) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        _LOG.warning("preset-offline url=%s error=%s", url, error)
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        raise Unavailable("preset_offline", title=title) from error


def _fetch(url: str, source: Source) -> bytes:
    _check_address(url, source)
    deadline = time.monotonic() + source.total_s
    opener = urllib.request.build_opener(_Redirects(source))
    request = urllib.request.Request(url, headers={"User-Agent": source.user_agent})  # noqa: S310 - checked above
    with opener.open(request, timeout=source.silence_s) as response:
        data = _read_all(response, deadline=deadline, max_bytes=source.max_bytes)
    if not _is_whole_picture(data):
        raise _NotAsExpectedError("neither a whole JPEG nor a whole PNG")
    return data


def _read_all(response: http.client.HTTPResponse, *, deadline: float, max_bytes: int) -> bytes:
    expected = response.length
    data = bytearray()
    while chunk := response.read1(_CHUNK_BYTES):  # read1 returns what is there, so the deadline is seen
        data += chunk
        if len(data) > max_bytes:
            raise _NotAsExpectedError(f"more than {max_bytes} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("too slow")
    if expected is not None and len(data) < expected:
        raise ConnectionError(f"cut off after {len(data)} of {expected} bytes")
    return bytes(data)


def _check_address(url: str, source: Source) -> None:
    parts = urlsplit(url)
    if parts.scheme != source.scheme or parts.netloc.lower() not in source.hosts:
        raise _NotAsExpectedError(f"not an allowed address: {url}")


def _is_whole_picture(data: bytes) -> bool:
    ending = _ENDINGS.get(picture_format(data))
    return ending is not None and ending in data[-_TAIL_BYTES:]


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(partial).replace(path)
    except OSError:
        Path(partial).unlink(missing_ok=True)
        raise
