"""`/privacy` from end to end: what is told, sent and erased."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from typing import TYPE_CHECKING

import pytest
from staging.seen import buttons, refusal, runs, shows, text, told
from staging.stage import new_bot, opened, speaking

from bot.i18n import words_in
from bot.jobs import personal
from bot.rehearsal.realtime import until
from nst_core.errors import SENTENCES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import discord
    from simcord import MemberActor
    from simcord.builders import ChannelHandle
    from simcord.results import ResponseMessage
    from staging.stage import Stage

    Upload = tuple[str, bytes]

EN = words_in("en")
on_stage = pytest.mark.asyncio(loop_scope="module")


async def painted(channel: ChannelHandle, who: MemberActor, photo: Upload) -> discord.Message:
    """Return a new result that is wholly delivered."""
    await shows(await who.slash(channel, "stylize", content=photo, preset="scream"), "See the picture")
    return channel.history()[-1]


async def archives(channel: ChannelHandle, who: MemberActor) -> list[zipfile.ZipFile]:
    """Return what somebody is sent."""
    panel = await told(await who.slash(channel, "privacy"))
    press = await who.click(panel, label="Send me everything")

    def answers() -> list[ResponseMessage]:
        return [each for each in (press.response, *press.followups) if each and each.attachments]

    await until(lambda: answers() and f"of {len(answers())}." in answers()[0].content)
    assert all(answer.ephemeral for answer in answers())
    return [zipfile.ZipFile(io.BytesIO(await each.attachments[0].read())) for each in answers()]


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_what_is_kept(stage: Stage, language: str) -> None:
    """It tells the times from the configuration, in the person's language, alone."""
    words = words_in(language)
    channel, alice = stage.room()
    with speaking(language, guild_locale="en-US"):
        panel = await told(await alice.slash(channel, "privacy"))
    assert text(panel) == words.say("privacy.text", inputs="30", results="30")
    assert list(buttons(panel)) == [words.say("privacy.export"), words.say("privacy.erase")]


@on_stage
async def test_export(stage: Stage, photo: Upload) -> None:
    """Every job with its settings and all its files; nothing of anybody else."""
    server = stage.elsewhere()
    channel, alice = server.room()
    wall, bob = server.room()
    await stage.bot.servers.change(server.guild.id, gallery_channel=wall.id)
    result = await painted(channel, alice, photo)
    bobs = await painted(channel, bob, photo)
    await told(await alice.click(bobs, label="★"))
    (archive,) = await archives(channel, alice)
    facts = json.loads(archive.read("gafuu.json"))
    (job,) = facts["jobs"]
    assert facts["person"] == job["owner_id"] == alice.id
    assert (job["state"], job["params"]["strength"], job["presets"]) == ("done", 50, ["scream"])
    assert job["result_message_id"] == result.id
    assert job["created_at"].startswith("20")
    assert facts["starred"] == [next(iter(buttons(bobs).values())).rpartition(":")[2]]
    assert facts["left_out"] == []
    names = {name.rpartition("/")[2] for name in archive.namelist() if "/" in name}
    assert names == {
        *("content-1.png", "style-1.jpeg", "image-1.png"),
        *("curve-1.png", "content_view-1.jpeg", "style_view-1.jpeg", "timelapse-1.webp"),
    }
    assert archive.read(f"{job['id']}/content-1.png") == photo[1]
    assert archive.read(f"{job['id']}/image-1.png") == await result.attachments[2].read()


@on_stage
async def test_export_of_nothing(stage: Stage) -> None:
    """Somebody new gets an archive that says so."""
    channel, alice = stage.room()
    (archive,) = await archives(channel, alice)
    assert json.loads(archive.read("gafuu.json"))["jobs"] == []


def test_export_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives stay below what Discord takes; what has no room in five of them is left out and counted."""
    monkeypatch.setattr(personal, "MOST_ARCHIVE_BYTES", 1000)
    packer = personal._Packer()
    taken = [packer.add(f"{number}.png", bytes(400)) for number in range(12)]
    assert taken == [True] * 10 + [False] * 2
    assert not packer.add("large.png", bytes(1001))
    parts = packer.finish("{}")
    names = [zipfile.ZipFile(io.BytesIO(part)).namelist() for part in parts]
    assert names[0] == ["gafuu.json", "0.png", "1.png"]
    assert [len(each) for each in names[1:]] == [2, 2, 2, 2]


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_erasing_asks_first(stage: Stage, photo: Upload, language: str) -> None:
    """And No keeps everything."""
    words = words_in(language)
    channel, alice = stage.room()
    await painted(channel, alice, photo)
    with speaking(language, guild_locale="en-US"):
        panel = await told(await alice.slash(channel, "privacy"))
        await alice.click(panel, label=words.say("privacy.erase"))
        assert text(panel) == words.say("privacy.sure")
        await alice.click(panel, label=words.say("privacy.no"))
        assert text(panel) == words.say("privacy.text", inputs="30", results="30")
    assert len(await stage.bot.store.by_owner(alice.id)) == 1


@on_stage
async def test_erase(stage: Stage, photo: Upload) -> None:
    """Jobs under way are cancelled first; then rows, stars, messages and the gallery's picture are gone."""
    server = stage.elsewhere()
    channel, alice = server.room()
    wall, bob = server.room()
    await stage.bot.servers.change(server.guild.id, gallery_channel=wall.id)
    result = await painted(channel, alice, photo)
    await told(await bob.click(result, label="★"))
    remix = await bob.click(result, label="Again")
    await shows(remix, "See the picture")
    bobs = channel.history()[-1]
    await told(await alice.click(bobs, label="★"))
    running = await alice.slash(channel, "stylize", content=photo, preset="kiss", size=128)
    await runs(running)
    panel = await told(await alice.slash(channel, "privacy"))
    await alice.click(panel, label="Erase everything")
    await alice.click(panel, label="Yes, erase everything")
    await until(lambda: text(panel) == EN.say("privacy.erased"), within_s=30)

    assert await stage.bot.store.by_owner(alice.id) == []
    left = [message.id for message in channel.history()]
    assert left == [remix.response.id, bobs.id]  # type: ignore[union-attr]
    (hung,) = wall.history()
    assert f"<@{bob.id}>" in text(hung)
    (bobs_job,) = await stage.bot.store.by_owner(bob.id)
    assert bobs_job.content_blob == ""
    assert await stage.bot.store.result(bobs_job.id) is not None
    hanging = await stage.bot.stars.hanging(bobs_job.id)
    assert hanging is not None
    assert hanging.stars == 0
    assert await refusal(await bob.click(bobs, label="Again")) == SENTENCES["job_forgotten"]
    assert await refusal(await alice.slash(channel, "history")) == SENTENCES["history_empty"]


async def test_erase_waits_for_a_picture_that_is_being_posted(tmp_path: Path, photo: Upload) -> None:
    """Nothing of it is left behind, neither its row nor its message."""
    async with opened(new_bot(tmp_path, small=True, patience_s=(1.5,))) as stage:
        channel, alice = stage.room()
        posts = f"/channels/{channel.id}/messages"
        panel = await told(await alice.slash(channel, "privacy"))
        await alice.click(panel, label="Erase everything")
        with stage.refusing("POST", posts, status=500, times=1):
            await alice.slash(channel, "stylize", content=photo, preset="scream")
            await until(lambda: stage.sent("POST", posts) and not stage.bot.service.views())
            await alice.click(panel, label="Yes, erase everything")
            await until(lambda: text(panel) == EN.say("privacy.erased"))
        assert await stage.bot.store.by_owner(alice.id) == []
        assert channel.history() == []


async def test_files_go_too(tmp_path: Path, photo: Upload) -> None:
    """With the next sweep no byte of the person's pictures is on the disk; the painting of others stays."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        channel, alice = stage.room()
        await painted(channel, alice, photo)
        assert photo[1] in blobs_in(tmp_path).values()
        panel = await told(await alice.slash(channel, "privacy"))
        await alice.click(panel, label="Erase everything")
        await alice.click(panel, label="Yes, erase everything")
        await until(lambda: text(panel) == EN.say("privacy.erased"))
        two_hours_ago = time.time() - 7200
        for path in (tmp_path / "blobs").glob("??/*"):
            os.utime(path, (two_hours_ago, two_hours_ago))
        await stage.bot.store.sweep(inputs_s=10**6, results_s=10**6)
        assert blobs_in(tmp_path) == {}


async def test_inputs_and_results_have_their_own_times(tmp_path: Path, photo: Upload) -> None:
    """After the inputs' time the result can still be seen, but not painted on from; /privacy says both."""
    bot = new_bot(tmp_path, small=True)
    store = bot.settings.store.model_copy(update={"inputs_days": 0.5, "results_days": 7})
    bot.settings = bot.settings.model_copy(update={"store": store})
    async with opened(bot) as stage:
        channel, alice = stage.room()
        result = await painted(channel, alice, photo)
        panel = await told(await alice.slash(channel, "privacy"))
        assert text(panel) == EN.say("privacy.text", inputs="0.5", results="7")
        service = stage.bot.service
        assert (service._inputs_s, service._results_s) == (43_200, 604_800)
        (job,) = await stage.bot.store.by_owner(alice.id)
        await stage.bot.store.sweep(inputs_s=0, results_s=service._results_s)
        assert await refusal(await alice.click(result, label="Larger")) == SENTENCES["job_forgotten"]
        kept = await stage.bot.store.result(job.id)
        assert kept is not None
        assert (kept.content_view, kept.style_views) == (b"", ())
        assert kept.image == await result.attachments[2].read()


@on_stage
async def test_kept_and_given_pictures(stage: Stage, photo: Upload, texture: Upload) -> None:
    """Both are sent; of a painting given to a server only the giver is forgotten, of a kept one all."""
    server = stage.elsewhere()
    channel, alice = server.room()
    await stage.bot.kept.keep(alice.id, "content", photo[1])
    own = await stage.bot.own_presets.add(
        server.guild.id, title="Stripes", artist="", licence="mine",
        image=texture[1], thumbnail=None, added_by=alice.id,
    )  # fmt: skip
    (archive,) = await archives(channel, alice)
    facts = json.loads(archive.read("gafuu.json"))
    assert list(facts["kept"]) == ["content"]
    assert facts["own_presets"][0]["licence"] == "mine"
    assert archive.read("kept/content.png") == photo[1]
    assert archive.read(f"own_presets/{server.guild.id}-1.png") == texture[1]
    assert await stage.bot.personal.erase(alice.id) == 0
    assert await stage.bot.kept.of(alice.id) == {}
    rows = await stage.bot.store.read("SELECT added_by FROM own_presets WHERE hash = ?", own.blob)
    assert [row["added_by"] for row in rows] == [0]


class Doodles:
    """Something else that keeps data of people."""

    name = "doodles"

    def __init__(self) -> None:
        self.kept = {7: b"\x89PNG\r\n\x1a\n a doodle"}

    async def export(self, person_id: int) -> tuple[object, Mapping[str, bytes | str]]:
        """Return what is kept."""
        return {"count": person_id in self.kept}, {"one": self.kept[person_id]}

    async def erase(self, person_id: int) -> None:
        """Forget it."""
        del self.kept[person_id]


@on_stage
async def test_other_sources(stage: Stage) -> None:
    """Whatever else keeps something about people takes part in both."""
    doodles = Doodles()
    data = personal.PersonalData(stage.bot.store, sources=[doodles])
    archive = zipfile.ZipFile(io.BytesIO((await data.export(7)).archives[0]))
    assert json.loads(archive.read("gafuu.json"))["doodles"] == {"count": True}
    assert archive.read("doodles/one.png").endswith(b"doodle")
    assert await data.erase(7) == 0
    assert doodles.kept == {}


def blobs_in(folder: Path) -> dict[str, bytes]:
    """Return the files of pictures by their names."""
    return {path.name: path.read_bytes() for path in (folder / "blobs").glob("??/*")}
