"""What happens when it is our fault: the traceback goes to a file, the person gets an id and its place."""

from __future__ import annotations

import os
import platform
import secrets
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from nst_core import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def keep(error: BaseException, argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> str:
    """Write a log of the error; return the sentence for the person, with id and place."""
    fault_id = secrets.token_hex(4)
    lines = [
        f"fault {fault_id}: nst {' '.join(argv)}",
        f"Gafuu {__version__}, Python {platform.python_version()}, {platform.platform()}",
        "".join(traceback.format_exception(error)),
    ]
    for folder in (state_folder(environ), Path(tempfile.gettempdir())):
        path = folder / f"nst-fault-{fault_id}.log"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines), encoding="utf-8", errors="replace")
        except OSError:
            continue
        return f"Something went wrong on our side (fault {fault_id}). What happened is written in {path}"
    return f"Something went wrong on our side (fault {fault_id}): {error!r}"


def state_folder(environ: Mapping[str, str], platform_name: str = sys.platform) -> Path:
    """Return where logs are kept: XDG_STATE_HOME, or where this platform keeps such things."""
    if xdg := environ.get("XDG_STATE_HOME"):
        return Path(xdg) / "gafuu"
    if platform_name == "win32" and (local := environ.get("LOCALAPPDATA")):
        return Path(local) / "gafuu" / "logs"
    home = Path(environ.get("HOME") or Path.home())
    return home / ("Library/Logs" if platform_name == "darwin" else ".local/state") / "gafuu"
