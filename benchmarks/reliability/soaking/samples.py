"""What one life of the bot holds: descriptors, memory, rows, files. And whether that grows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

MEASURES: Final = ("descriptors", "memory_mib", "rows", "blobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The bot at one moment.

    Attributes:
        at: share of the whole time, 0 to 1.
        descriptors: open files, pipes and sockets of the bot's process.
        memory_mib: what it has resident.
        rows: of every table but `jobs`.
        jobs: rows of that one.
        blobs: files in the folder of pictures.
    """

    at: float
    pid: int
    descriptors: int
    memory_mib: float
    rows: int
    jobs: int
    blobs: int


@dataclass(frozen=True, slots=True)
class Rule:
    """How much more the last third may hold than the second: a share, and some."""

    share: float
    more: float

    def holds(self, before: float, after: float) -> bool:
        """Tell whether it does."""
        return after <= before * (1 + self.share) + self.more


RULES: Final = {
    "descriptors": Rule(0.0, 2),
    "memory_mib": Rule(0.03, 1),
    "rows": Rule(0.1, 10),
    "blobs": Rule(0.1, 10),
}


def take(pid: int, data: Path, *, at: float) -> Sample:
    """Return a sample."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    rows, jobs = _rows(data / "gafuu.sqlite3")
    return Sample(
        at=at,
        pid=pid,
        descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        memory_mib=memory / 1024,
        rows=rows,
        jobs=jobs,
        blobs=sum(path.is_file() for path in (data / "blobs").rglob("*")),
    )


def thirds(samples: list[Sample]) -> dict[str, tuple[float, float]]:
    """Return the means of the second and of the last third, as far as one and the same life lasted."""
    lives = [sample.pid for sample in samples]
    longest = max(set(lives), key=lives.count)
    second = [each for each in samples if each.pid == longest and 1 / 3 <= each.at < 2 / 3]
    last = [each for each in samples if each.pid == longest and each.at >= 2 / 3]
    if not second or not last:
        return {}
    return {name: (_mean(second, name), _mean(last, name)) for name in MEASURES}


def grown(samples: list[Sample]) -> list[str]:
    """Return what is not flat."""
    means = thirds(samples)
    return [name for name in MEASURES if name not in means or not RULES[name].holds(*means[name])]


def _mean(samples: list[Sample], name: str) -> float:
    return fmean(getattr(sample, name) for sample in samples)


def _rows(path: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        counts = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}  # noqa: S608
    jobs = counts.pop("jobs")
    return sum(counts.values()), jobs
