"""The program that sends mutated pictures: a small run through the real worker, and what it counts."""

from __future__ import annotations

import random
import sys

import fuzz
import pytest
from mutate import MUTATORS, mutated, pieces, with_right_sums
from pictures.good import good

from nst_core.formats import picture_format

FORMATS = {"JPEG", "PNG", "WebP", "GIF", "AVIF", "BMP", "TIFF", "HEIC"}


@pytest.mark.timeout(170)
async def test_every_mutated_picture_is_a_picture_or_one_sentence() -> None:
    """Through store, queue, pool and a real worker; nobody else's job is touched, memory keeps its limit."""
    run, watch = await fuzz.fuzz(64, seed=1)
    assert fuzz.broken_promises(run, watch, 64 + len(fuzz.crafted())) == []
    count = run.count
    assert set(count.pictures | count.sentences) == FORMATS | {fuzz.CRAFTED}
    assert count.others == -(-(64 + len(fuzz.crafted())) // fuzz.ONE_IN)
    assert len(count.codes) > 5
    assert watch.starts == 1
    assert run.memory.worker_bytes > 0 or sys.platform != "linux"


def test_broken_promises_are_seen() -> None:
    """A job without an answer, an uncounted death, too much memory: each is told of."""
    run, watch = fuzz.Fuzz(None, None), fuzz.Watch()  # type: ignore[arg-type]
    run.count.pictures["PNG"] = 9
    assert fuzz.broken_promises(run, watch, 9) == []
    assert fuzz.broken_promises(run, watch, 10) == ["10 sent, 9 answered"]
    watch.deaths = 1
    run.memory.worker_bytes = run.memory.decoder_space_bytes = 2**40
    assert len(fuzz.broken_promises(run, watch, 9)) == 3


def test_damage_is_repeatable_and_real() -> None:
    """The same seed gives the same files; they are damaged; every format and every kind of damage occurs."""
    first, second = fuzz.samples(80, seed=3), fuzz.samples(80, seed=3)
    assert first == second
    assert fuzz.samples(80, seed=4) != first
    seeds = fuzz.seeds()
    sound = {data for files in seeds.values() for data in files}
    assert sum(sample.content not in sound or sample.style not in sound for sample in first) > 90
    assert set(seeds) == FORMATS
    assert all(picture_format(data) == kind for kind, files in seeds.items() for data in files)
    for mutate in set(MUTATORS):
        data = good("jpeg").data
        assert any(mutate(data, random.Random(n), [data, b"other"]) != data for n in range(9)), mutate  # noqa: S311


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "gif", "avif", "bmp", "tiff", "heic"])
def test_a_file_is_cut_where_its_format_says(name: str) -> None:
    """Its pieces are the whole file, in order; a damaged one is cut somehow, and never without end."""
    data = good(name).data
    parts = pieces(data)
    assert b"".join(parts) == data
    assert len(parts) >= 2
    chance = random.Random(name)  # noqa: S311 - repeatable, not secret
    for _ in range(50):
        damaged = mutated(data, chance, [data])
        assert b"".join(pieces(damaged)) == damaged


def test_damage_gets_past_a_checksum() -> None:
    """A changed PNG with right sums differs from the sound one and has the sums that it should have."""
    data = good("png").data
    assert with_right_sums(data) == data
    changed = data.replace(b"IDAT", b"IDAX", 1)
    assert with_right_sums(changed) != changed
    assert with_right_sums(b"GIF89a") == b"GIF89a"
