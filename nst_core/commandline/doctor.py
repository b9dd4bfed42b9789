"""`nst doctor`: what painting needs, what of it works here, and what to do where it does not."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Final

from nst_core import presets
from nst_core.commandline.answers import DONE, FAULT, Answer
from nst_core.errors import Fault
from nst_core.presets.download import cache_folder
from nst_core.protocol import AVAILABLE_MODES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REINSTALL: Final = "install Gafuu again: its files were changed or are incomplete"
LIBRARIES: Final = "pip install 'gafuu[worker]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    advice: str = ""
    """What to do where it is not ok."""
    needed: bool = True
    """Whether nothing can be painted without it."""
    items: dict[str, bool] = field(default_factory=dict)
    """Of several alike, each."""


def doctor() -> Answer:
    """Look at everything; the exit status is 1 where painting would not work."""
    checks = (_python, _torch, _device, _weights, _draft, _presets, _downloads, _heic, _font)
    findings = [_looked_at(check) for check in checks]
    works = all(finding.ok for finding in findings if finding.needed)
    end = "Painting works here." if works else "Painting does not work here yet: see above."
    data = {
        "ok": works,
        "modes": list(AVAILABLE_MODES),
        "checks": [dataclasses.asdict(finding) for finding in findings],
    }
    text = "\n".join([*map(_line, findings), end])
    return Answer(text=text, data=data, status=DONE if works else FAULT)


def _looked_at(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever is broken is what the doctor is there to tell
        name = check.__name__.strip("_")
        advice = LIBRARIES if isinstance(error, ImportError) else REINSTALL
        return Finding(name=name, ok=False, detail=f"{type(error).__name__}: {error}", advice=advice)


def _line(finding: Finding) -> str:
    mark = "ok     " if finding.ok else "BROKEN " if finding.needed else "missing"
    advice = f" → {finding.advice}" if not finding.ok else ""
    return f"{mark}  {finding.name:<13}  {finding.detail}{advice}"


def _python() -> Finding:
    return Finding(name="python", ok=True, detail=f"{platform.python_version()} on {platform.platform()}")


def _torch() -> Finding:
    import torch  # noqa: PLC0415 - its absence is one of the things to find

    threads = torch.get_num_threads()
    built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
    return Finding(name="torch", ok=True, detail=f"{torch.__version__} ({built}), {threads} CPU threads")


def _device() -> Finding:
    from nst_core import features, studio  # noqa: PLC0415 - torch

    device = features.pick_device("auto")
    gib = studio.memory_bytes(device) / 2**30
    memory = f", {gib:.1f} GiB" if gib else ""
    return Finding(name="device", ok=True, detail=f"{device}: {studio.device_name(device)}{memory}")


def _weights() -> Finding:
    from nst_core import features  # noqa: PLC0415 - torch

    return _weights_in("weights", features.BUNDLED_WEIGHTS, features.BUNDLED_SHA256)


def _draft() -> Finding:
    from nst_core import magenta  # noqa: PLC0415 - torch

    found = _weights_in("draft weights", magenta.MAGENTA_WEIGHTS, magenta.MAGENTA_SHA256)
    return dataclasses.replace(found, needed=False)


def _weights_in(name: str, path: Path, expected: str) -> Finding:
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
    detail = f"{path.name}, sha256 {found[:12]}"
    return Finding(name=name, ok=found == expected, detail=detail, advice=REINSTALL)


def _presets() -> Finding:
    items = {preset.id: _intact(preset) for preset in presets.all_presets().values() if preset.bundled}
    broken = [preset_id for preset_id, intact in items.items() if not intact]
    detail = f"{len(items) - len(broken)} of {len(items)} bundled paintings intact"
    return Finding(
        name="presets",
        ok=not broken,
        detail=f"{detail}{' (not: ' + ', '.join(broken) + ')' if broken else ''}",
        advice=REINSTALL,
        needed=False,
        items=items,
    )


def _intact(preset: presets.Preset) -> bool:
    try:
        presets.read(preset)
    except Fault:
        return False
    return True


def _downloads() -> Finding:
    folder = cache_folder(os.environ)
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    kept = len(list(folder.iterdir())) if folder.is_dir() else 0
    return Finding(
        name="downloads",
        ok=place.is_dir() and os.access(place, os.W_OK),
        detail=f"{kept} downloaded paintings kept in {folder}",
        advice="make that folder writable, or set XDG_CACHE_HOME to one that is",
        needed=False,
    )


def _heic() -> Finding:
    try:
        version = metadata.version("pillow-heif")
        import pillow_heif  # noqa: F401, PLC0415 - installed is not enough, it has to load
    except ImportError as error:
        detail = f"photos from iPhones cannot be read ({error})"
        return Finding(name="heic", ok=False, detail=detail, advice="pip install pillow-heif", needed=False)
    return Finding(name="heic", ok=True, detail=f"pillow-heif {version}", needed=False)


def _font() -> Finding:
    from nst_core.curve import japanese_font  # noqa: PLC0415 - loads matplotlib

    font = japanese_font()
    return Finding(
        name="japanese font",
        ok=font is not None,
        detail=font or "loss curves will be labelled in English",
        advice="install one, for example the package fonts-noto-cjk",
        needed=False,
    )
