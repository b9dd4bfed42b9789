"""Paintings of servers' own, as the store keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.jobs.disk import DiskFault
from bot.jobs.own_presets import MOST_PER_SERVER, OwnPreset, OwnPresets
from bot.jobs.store import JobStore
from nst_core.errors import BadParameter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

GUILD, OTHER = 7, 8


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[JobStore]:
    """An empty store."""
    store = await JobStore.open(tmp_path)
    yield store
    await store.close()


@pytest.fixture
def own(store: JobStore) -> OwnPresets:
    """Nobody's paintings yet; each is added a second after the one before."""
    seconds = iter(range(1000, 2000))
    return OwnPresets(store, clock=lambda: float(next(seconds)))


async def add(own: OwnPresets, title: str, *, guild_id: int = GUILD, artist: str = "") -> OwnPreset:
    """Add a painting."""
    return await own.add(
        guild_id, title=title, artist=artist, licence=" my  own ", image=b"i", thumbnail=b"t", added_by=3
    )


async def test_found_by_title_and_by_reference(own: OwnPresets) -> None:
    """Whatever its case, accents and kana; on its own server only."""
    added = await add(own, "  Café   さくら ", artist=" Aoi  K. ")
    assert (added.title, added.artist, added.licence) == ("Café さくら", "Aoi K.", "my own")
    for name in ("own:Café さくら", "CAFE サクラ", "café さくら"):
        assert own.find(GUILD, name) == added
        assert own.find(None, "cafe") is None
    assert own.find(OTHER, "Café さくら") is None
    with pytest.raises(BadParameter) as caught:
        own.find(OTHER, added.ref)
    assert caught.value.code == "preset_unknown"


async def test_search(own: OwnPresets) -> None:
    """Every word must occur, in the title or the artist's name; nothing typed finds all."""
    for title, artist in (("Stripes", "Aoi"), ("More stripes", "Ben")):
        await add(own, title, artist=artist)
    found = {text: [each.title for each in own.search(GUILD, text)] for text in ("", "STRIPES aoi", "dots")}
    assert found == {"": ["Stripes", "More stripes"], "STRIPES aoi": ["Stripes"], "dots": []}
    assert own.search(OTHER, "") == []


async def test_loaded_as_they_were_added(own: OwnPresets, store: JobStore) -> None:
    """After a restart everything is as before, the oldest first."""
    added = [await add(own, title) for title in ("b", "a", "c")]
    await add(own, "b", guild_id=OTHER)
    again = OwnPresets(store)
    await again.load()
    assert again.of(GUILD) == added
    assert [each.title for each in again.of(OTHER)] == ["b"]
    assert await store.read_blob(added[0].blob) == b"i"


async def test_removed(own: OwnPresets, store: JobStore) -> None:
    """From the memory and from the disk; its title is free again."""
    await own.remove(await add(own, "Fleeting"))
    assert own.of(GUILD) == []
    assert await store.read("SELECT * FROM own_presets") == []
    await add(own, "fleeting")


async def test_two_at_once_with_one_title(own: OwnPresets) -> None:
    """Two people who fill in the form at the same time do not both get it."""
    await add(own, "Twice")
    with pytest.raises(BadParameter) as caught:
        await add(own, "twice")
    assert caught.value.code == "own_title_taken"
    assert len(own.of(GUILD)) == 1


async def test_room_is_limited(own: OwnPresets) -> None:
    """For each server by itself."""
    for number in range(MOST_PER_SERVER):
        await add(own, f"No. {number}")
    with pytest.raises(BadParameter) as caught:
        await add(own, "One more")
    assert caught.value.code == "own_full"
    await add(own, "One more", guild_id=OTHER)


async def test_what_could_not_be_stored_is_not_there(own: OwnPresets, store: JobStore) -> None:
    """A list never shows what a restart would lose."""
    async with store.writing("make the table unusable") as db:
        await db.execute("ALTER TABLE own_presets RENAME TO elsewhere")
    with pytest.raises(DiskFault):
        await add(own, "Lost")
    assert own.of(GUILD) == []
