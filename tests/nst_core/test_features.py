"""The extractor is the network it says it is."""

import shutil
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from nst_core import features
from nst_core.errors import BadParameter, Unavailable
from nst_core.features import FeatureExtractor, layer_names, load_extractor, pick_device, stride
from nst_core.vgg19 import fetch, prepare_torchvision, vgg19_url


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return load_extractor()


def torchvision_vgg(name: str) -> nn.Module:
    prepare_torchvision()
    import torchvision.models  # noqa: PLC0415 - only after the preparation

    return getattr(torchvision.models, name)(weights=None).features.eval()


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_every_layer_is_torchvisions(name: str) -> None:
    """With the same parameters each layer equals torchvision's network, away from the first one's edge."""
    theirs = torchvision_vgg(name)
    ours = FeatureExtractor(name, {f"features.{key}": value for key, value in theirs.state_dict().items()})
    image = torch.rand(1, 3, 48, 40)
    found = ours(image, layer_names(name))
    x, expected = (image - ours.mean) / ours.std, []
    for index, module in enumerate(theirs):
        if index == 0:
            assert isinstance(module, nn.Conv2d)
            padded = functional.pad(x, (1, 1, 1, 1), mode="replicate")
            x = functional.conv2d(padded, module.weight, module.bias)
        else:
            x = module(x.clone())
        if isinstance(module, nn.ReLU):
            expected.append(x.clone())
    for layer, wanted in zip(layer_names(name), expected, strict=False):
        torch.testing.assert_close(found[layer], wanted, rtol=1e-4, atol=1e-5)
        assert found[layer].shape[2] == 48 // stride(layer)


def test_the_bundled_weights_are_torchvisions(extractor: FeatureExtractor) -> None:
    """Three numbers of conv1_1 as torchvision publishes them, to float16's precision."""
    first = extractor.convolutions[0]
    assert isinstance(first, nn.Conv2d)
    torch.testing.assert_close(
        first.weight[0, 0, 0], torch.tensor([-0.5537, 0.1427, 0.5290]), rtol=1e-3, atol=1e-3
    )


def test_a_flat_picture_has_no_halo(extractor: FeatureExtractor) -> None:
    """The edge is repeated, so conv1_1 sees the same everywhere."""
    found = extractor(torch.full((1, 3, 32, 32), 0.3), ["relu1_1"])["relu1_1"]
    torch.testing.assert_close(found, found[..., 16:17, 16:17].expand_as(found), rtol=1e-4, atol=1e-5)


def test_nothing_deeper_than_needed_is_computed(extractor: FeatureExtractor) -> None:
    """A picture too small for relu5_1 still has a relu1_1."""
    assert extractor(torch.rand(1, 3, 8, 8), ["relu1_1"])["relu1_1"].shape == (1, 64, 8, 8)


def test_an_unknown_layer_is_an_error(extractor: FeatureExtractor) -> None:
    """A typing mistake in a recipe is not ignored."""
    with pytest.raises(KeyError, match="relu9_1"):
        extractor(torch.rand(1, 3, 32, 32), ["relu9_1"])


def test_the_image_is_left_alone(extractor: FeatureExtractor) -> None:
    """In-place work inside never reaches the caller's tensor."""
    image = torch.rand(1, 3, 32, 32)
    before = image.clone()
    extractor(image, ["relu1_1", "relu2_1"])
    torch.testing.assert_close(image, before, rtol=0, atol=0)


def test_an_unknown_extractor_is_the_persons_mistake() -> None:
    """The sentence lists the choices."""
    with pytest.raises(BadParameter, match="vgg16, vgg19"):
        load_extractor("vgg11")


def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One flipped byte, and the sha256 says so before anything is loaded."""
    copy = tmp_path / features.BUNDLED_WEIGHTS.name
    shutil.copy(features.BUNDLED_WEIGHTS, copy)
    damaged = bytearray(copy.read_bytes())
    damaged[-1] ^= 1
    copy.write_bytes(damaged)
    monkeypatch.setattr(features, "BUNDLED_WEIGHTS", copy)
    with pytest.raises(Unavailable, match="damaged"):
        load_extractor()


def test_the_device_is_one_that_exists() -> None:
    """`auto` always finds one; a made-up one is refused with the list."""
    assert pick_device("cpu") == "cpu"
    assert pick_device("auto") in {"cpu", "mps", "cuda:0"}
    with pytest.raises(BadParameter, match="cpu"):
        pick_device("cuda:77")


def saved_vgg19(folder: Path) -> Path:
    """Save a VGG-19 with random parameters under the name that its checksum demands."""
    path = folder / "raw.pth"
    torch.manual_seed(0)
    small = {
        f"features.{k}": v
        for k, v in torchvision_vgg("vgg19").state_dict().items()
        if int(k.split(".")[0]) <= 28
    }
    torch.save(small, path)
    return path.rename(folder / f"vgg19-{features.file_sha256(path)[:8]}.pth")


def test_vgg19_is_downloaded_once_with_progress_and_checked(tmp_path: Path) -> None:
    """The first use fetches and verifies; the second needs no source any more."""
    source, folder = tmp_path / "source", tmp_path / "hub"
    source.mkdir()
    path, seen = saved_vgg19(source), []
    found = fetch(lambda done, total: seen.append((done, total)), url=path.as_uri(), folder=folder)
    assert found.read_bytes() == path.read_bytes()
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)
    path.unlink()
    assert fetch(url=path.as_uri(), folder=folder) == found
    state = torch.load(found, weights_only=True)
    assert FeatureExtractor("vgg19", state)(torch.rand(1, 3, 32, 32), ["relu5_1"])["relu5_1"].shape[1] == 512


def test_a_wrong_checksum_is_refused_and_forgotten(tmp_path: Path) -> None:
    """Bytes that are not torchvision's are never loaded, nor kept for the next try."""
    source = tmp_path / "vgg19-00000000.pth"
    source.write_bytes(b"not weights")
    with pytest.raises(Unavailable, match="damaged"):
        fetch(url=source.as_uri(), folder=tmp_path / "hub")
    assert not list((tmp_path / "hub").iterdir())


def test_no_network_is_a_clear_sentence(tmp_path: Path) -> None:
    """It names the way out, and leaves no partial file."""
    with pytest.raises(Unavailable, match="vgg16"):
        fetch(url=(tmp_path / "nowhere-1234.pth").as_uri(), folder=tmp_path / "hub")
    assert not list((tmp_path / "hub").iterdir())


def test_vgg19_comes_from_torchvision() -> None:
    """Its address is torchvision's own, not a copy of it here."""
    assert vgg19_url().endswith("/vgg19-dcbb9e9d.pth")
