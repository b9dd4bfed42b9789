"""In which numbers features are computed: half as long ones where the device is made for them.

Only the convolutions change; Gram matrices, the losses, the image and the optimiser stay float32.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

CPUINFO: Final = Path("/proc/cpuinfo")
CPU_FLAGS: Final = frozenset({"avx512_bf16", "amx_bf16"})
"""Of x86 processors that multiply bfloat16 themselves; others would do it by way of float32, slower."""
AMPERE: Final = (8, 0)
"""The first generation of GPUs that multiplies bfloat16 itself; earlier ones only pretend to."""


def feature_dtype(device: str, *, cpuinfo: Path = CPUINFO) -> torch.dtype:
    """Return the type to compute features in.

    Args:
        device: as torch names it.
        cpuinfo: where Linux tells what the processor can do; elsewhere nothing is known, and float32 safe.
    """
    if device.startswith("cuda"):
        can = torch.cuda.get_device_capability(device) >= AMPERE
    else:
        can = device == "cpu" and bool(CPU_FLAGS & _flags(cpuinfo))
    return torch.bfloat16 if can else torch.float32


def _flags(cpuinfo: Path) -> frozenset[str]:
    """Return what the first processor can do."""
    if not cpuinfo.is_file():
        return frozenset()
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    return frozenset(next((line.split()[2:] for line in lines if line.startswith("flags")), []))
