"""The bot on a disk in trouble: the real one on a small disk, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import disk
import pytest
import smalldisk

PROGRAM = Path(disk.__file__)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="neither small disks nor limits on files there")


@POSIX
@pytest.mark.parametrize("scene", disk.SCENES)
def test_every_promise_is_kept(scene: str) -> None:
    """People and owner are told, nobody else loses anything, and it goes on once the trouble is over."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--only", scene],
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BROKEN" not in done.stdout
    assert "0 broken" in done.stdout.splitlines()[-1]
    assert "the person: " in done.stdout
    assert done.stdout.count("  ok ") >= 3


@POSIX
def test_without_a_file_system_of_its_own_a_limit_does(tmp_path: Path) -> None:
    """Where nothing can be mounted, files cannot grow while the disk is "full", and can again after."""
    quota = smalldisk.Quota(tmp_path)
    quota.fill()
    try:
        with pytest.raises(OSError, match="too large"):
            (tmp_path / "more").write_bytes(bytes(10))
    finally:
        quota.free()
    (tmp_path / "more").write_bytes(bytes(10))


def test_a_broken_promise_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """It is printed, and makes the end a failure."""
    report = disk.Report()
    report.check("water is wet", holds=True)
    report.check("fire is wet", holds=False)
    report.print()
    assert (report.kept, report.broken) == (1, ["fire is wet"])
    assert "BROKEN fire is wet" in capsys.readouterr().out
