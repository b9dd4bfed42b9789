"""`nst doctor`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_core import presets
from nst_core.__main__ import main

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[3]


def examined(code: str, *, cwd: Path = ROOT) -> tuple[int, dict[str, Any]]:
    """Run `nst doctor --json` in a fresh interpreter, after some code; return status and answer."""
    program = f"import sys; {code}; from nst_core.__main__ import main; sys.exit(main(['doctor', '--json']))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=cwd, timeout=60
    )
    assert done.stderr == ""
    data: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, {**data, "checks": {check["name"]: check for check in data["checks"]}}


def test_a_healthy_machine_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0, one line for each thing looked at, the sha256 of weights and paintings among them."""
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert main(["doctor", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)

    assert text.endswith("Painting works here.\n")
    assert len(text.splitlines()) == len(data["checks"]) + 1
    checks = {check["name"]: check for check in data["checks"]}
    assert {"torch", "device", "weights", "draft weights", "presets", "heic", "japanese font"} <= set(checks)
    assert data["ok"] is True
    assert data["modes"] == ["draft", "classic", "best"]
    bundled = {preset.id for preset in presets.all_presets().values() if preset.bundled}
    assert checks["presets"]["items"] == dict.fromkeys(bundled, True)


def test_a_machine_without_torch_is_told_what_to_install() -> None:
    """Status 1, and what does work is still listed."""
    status, data = examined("sys.modules['torch'] = None")

    assert status == 1
    assert data["ok"] is False
    assert data["checks"]["torch"]["advice"] == "pip install 'gafuu[worker]'"
    assert data["checks"]["presets"]["ok"] is True


def test_a_missing_heic_plugin_is_told_but_painting_works() -> None:
    """It is only needed for photos from some phones."""
    status, data = examined("sys.modules['pillow_heif'] = None")

    assert status == 0
    assert data["checks"]["heic"]["ok"] is False
    assert data["checks"]["heic"]["advice"] == "pip install pillow-heif"


def test_damaged_files_are_found(tmp_path: Path) -> None:
    """A changed painting is named; changed weights mean that nothing can be painted."""
    shutil.copytree(ROOT / "nst_core", tmp_path / "nst_core", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "nst_core" / "presets" / "kiss.jpg").unlink()
    (tmp_path / "nst_core" / "presets" / "scream.jpg").write_bytes(b"\xff\xd8\xff changed")
    weights = tmp_path / "nst_core" / "weights" / "vgg16_features.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")

    status, data = examined("pass", cwd=tmp_path)

    assert status == 1
    assert data["checks"]["weights"]["ok"] is False
    paintings = data["checks"]["presets"]
    assert {name for name, intact in paintings["items"].items() if not intact} == {"kiss", "scream"}
    assert "(not: scream, kiss)" in paintings["detail"]


def test_a_damaged_draft_is_told_but_painting_works(tmp_path: Path) -> None:
    """The other modes do without it."""
    shutil.copytree(ROOT / "nst_core", tmp_path / "nst_core", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "nst_core" / "weights" / "magenta_stylization.safetensors").unlink()

    status, data = examined("pass", cwd=tmp_path)

    assert status == 0
    assert data["checks"]["draft weights"]["ok"] is False
    assert "missing" in data["checks"]["draft weights"]["detail"]


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "gafuu").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    status, data = examined("pass")

    assert status == 0
    assert data["checks"]["downloads"]["ok"] is False
    assert "XDG_CACHE_HOME" in data["checks"]["downloads"]["advice"]
