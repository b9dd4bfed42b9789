"""A device made ready to paint: weights loaded, everything used once."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import platform
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from nst_core.decoder import Decoder
from nst_core.features import load_extractor, pick_device
from nst_core.images import Limits, encode
from nst_core.painting import paint
from nst_core.precision import feature_dtype
from nst_core.protocol import Ready, StyleParams, StyleRequest, WeightedStyle

if TYPE_CHECKING:
    from nst_core.worker import Painter

WARM_UP_PX = 64


def list_devices() -> list[str]:
    """Return the devices worth painting on: every CUDA device, else mps, else the CPU."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return cuda or ["mps" if torch.backends.mps.is_available() else "cpu"]


def open_studio(
    *, device: str, extractor: str, share: int, upload_mib: float, megapixels: float
) -> tuple[Ready, Painter]:
    """Load the feature extractor onto a device and paint a step there, so that the first job is not slow.

    Args:
        device: as torch names it.
        extractor: "vgg16" or "vgg19".
        share: how many processes share the CPU's cores.
        upload_mib: the largest file to accept, in MiB.
        megapixels: the largest picture to accept.

    Raises:
        UserError: there is no such device or extractor, or its weights are missing.
    """
    name = pick_device(device)
    if name == "cpu":
        torch.set_num_threads(max(1, torch.get_num_threads() // share))
    limits = Limits(max_bytes=int(upload_mib * 2**20), max_megapixels=max(1, int(megapixels)))
    features = load_extractor(extractor, device=name, dtype=feature_dtype(name))
    painter = functools.partial(paint, extractor=features, limits=limits, read=Decoder(limits))
    _warm_up(functools.partial(painter, impress=lambda *_: iter(())))
    threading.Thread(target=_load_later, name="load-later", daemon=True).start()
    ready = Ready(
        device=name, device_name=device_name(name), memory_bytes=memory_bytes(name), pid=os.getpid()
    )
    return ready, painter


def device_name(device: str) -> str:
    """Return the device's name as its maker writes it, as far as that is to be had."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    if device == "mps":
        return "Apple GPU"
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def memory_bytes(device: str) -> int:
    """Return how much memory the device has in all; 0 where that is not to be had."""
    if device.startswith("cuda"):
        return torch.cuda.mem_get_info(device)[1]
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 0


def _load_later() -> None:
    """Load what only the end of a job needs, beside the first one: matplotlib takes half a second."""
    with contextlib.suppress(ImportError):  # the job that misses it tells
        importlib.import_module("nst_core.curve").japanese_font()


def _warm_up(painter: Painter) -> None:
    """Paint the first step of a tiny job, from upload to preview, so that each kernel has been used."""
    noise = torch.rand((1, 3, WARM_UP_PX, WARM_UP_PX), generator=torch.Generator().manual_seed(0))
    upload = encode(noise, format="png").data
    request = StyleRequest(
        job_id="warm-up",
        content=upload,
        styles=(WeightedStyle(image=upload),),
        params=StyleParams(long_side_px=WARM_UP_PX),
    )
    next(painter(request, wish=lambda: None))
