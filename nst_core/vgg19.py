"""torchvision's VGG-19: 548 MB, downloaded at first use, its checksum verified."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import torch

from nst_core.errors import Unavailable
from nst_core.features import file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_kept_libraries: Final[list[Any]] = []


def fetch(
    progress: Callable[[int, int], None] | None = None,
    *,
    url: str | None = None,
    folder: Path | None = None,
) -> Path:
    """Return the path of torchvision's VGG-19 weights, downloading them if they are not there.

    Args:
        progress: called with bytes so far and bytes in all.
        url: by default what torchvision names; its file name ends with the start of its sha256.
        folder: by default where torch.hub keeps its checkpoints.

    Raises:
        Unavailable: no network, or what came is not what was expected.
    """
    from pathlib import Path  # noqa: PLC0415 - at run time only here

    url = url or vgg19_url()
    folder = folder or Path(torch.hub.get_dir()) / "checkpoints"
    name = url.rsplit("/", 1)[-1]
    path = folder / name
    if not path.is_file():
        _download(url, path, progress)
    wanted = name.removesuffix(".pth").rsplit("-", 1)[-1]
    if not file_sha256(path).startswith(wanted):
        path.unlink()
        raise Unavailable("weights_damaged", name=name)
    return path


def vgg19_url() -> str:
    """Return where torchvision keeps `VGG19_Weights.IMAGENET1K_V1`."""
    prepare_torchvision()
    from torchvision.models import VGG19_Weights  # noqa: PLC0415 - only after the preparation

    url: str = VGG19_Weights.IMAGENET1K_V1.url
    return url


def prepare_torchvision() -> None:
    """Let `import torchvision` work beside a CPU-only torch.

    A torchvision built for CUDA cannot load its operators there, and fails while it registers the
    shapes of operators that nothing here uses; declaring those two is enough.
    """
    if torch.version.cuda is not None or _kept_libraries:
        return
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    _kept_libraries.append(library)


def _download(url: str, path: Path, progress: Callable[[int, int], None] | None) -> None:
    import urllib.error  # noqa: PLC0415 - only for a download
    import urllib.request  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, partial.open("wb") as file:  # noqa: S310 - our own URL
            total, done = int(answer.headers.get("Content-Length") or 0), 0
            while chunk := answer.read(1 << 20):
                done += file.write(chunk)
                if progress:
                    progress(done, total)
        partial.replace(path)
    except (urllib.error.URLError, OSError) as error:
        raise Unavailable("weights_offline", name=path.name) from error
    finally:
        partial.unlink(missing_ok=True)
