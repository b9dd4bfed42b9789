"""★ and `/gallery` from end to end: a picture hangs once, with credit, count and link."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import discord
import pytest
from staging.seen import buttons, gallery, pieces, refusal, result_in, shows, text, told
from staging.stage import new_bot, opened, speaking

from bot import gallery as galleries
from bot.i18n import words_in
from nst_core.errors import SENTENCES

if TYPE_CHECKING:
    from pathlib import Path

    from simcord import MemberActor
    from simcord.builders import ChannelHandle
    from staging.stage import Stage

    Upload = tuple[str, bytes]

EN = words_in("en")
on_stage = pytest.mark.asyncio(loop_scope="module")


async def with_wall(stage: Stage, **denied: bool) -> tuple[Stage, ChannelHandle, MemberActor, ChannelHandle]:
    """Return a new server, a channel with a person, and its gallery channel."""
    server = stage.elsewhere()
    channel, alice = server.room()
    wall, _ = server.room(**denied)
    await stage.bot.servers.change(server.guild.id, gallery_channel=wall.id)
    return server, channel, alice, wall


async def painted(
    channel: ChannelHandle, alice: MemberActor, photo: Upload, *, preset: str = "scream"
) -> discord.Message:
    """Return a new result that is wholly delivered."""
    reply = await alice.slash(channel, "stylize", content=photo, preset=preset)
    await shows(reply, "See the picture")
    return channel.history()[-1]


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_first_star_hangs_the_picture(stage: Stage, photo: Upload, language: str) -> None:
    """With whom it is by, how many like it, and where it was painted; nobody's Discord rings."""
    words = words_in(language)
    server, channel, alice, wall = await with_wall(stage)
    result = await painted(channel, alice, photo)
    bob = server.person("bob")
    with speaking(language):
        answer = await told(await bob.click(result, label="★"))
    (hung,) = wall.history()
    assert answer.content == words.say("star.hung", link=hung.jump_url)
    style = "エドヴァルド・ムンク「叫び」" if language == "ja" else "The Scream (Edvard Munch)"
    assert words.say("gallery.credit", style=style, mention=f"<@{alice.id}>", stars=1) in text(hung)
    assert words.say("gallery.origin", link=result.jump_url) in text(hung)
    assert list(gallery(hung)) == ["pastiche.png"]
    assert stage.pinged(hung) == set()
    original = {file.filename: await file.read() for file in result.attachments}
    assert await hung.attachments[0].read() == original["pastiche.png"]


@on_stage
async def test_second_press_says_where_it_is(stage: Stage, photo: Upload) -> None:
    """It never hangs twice. Each person counts once, and the count stands under the picture."""
    server, channel, alice, wall = await with_wall(stage)
    result = await painted(channel, alice, photo)
    await told(await alice.click(result, label="★"))
    (hung,) = wall.history()
    for person, stars in ((alice, 1), (server.person("bob"), 2), (server.person("carol"), 3)):
        answer = await told(await person.click(result, label="★"))
        assert answer.content == EN.say("star.there", link=hung.jump_url, stars=stars)
    (hung,) = wall.history()
    assert "★ 3" in text(hung)
    assert list(gallery(hung)) == ["pastiche.png"]
    answer = await told(await server.person("dan").click(hung, label="★"))
    assert "starred by 4" in answer.content


@on_stage
async def test_presses_at_the_same_moment(stage: Stage, photo: Upload) -> None:
    """Two people who star at once hang one picture; the second one is told where it is."""
    _, channel, alice, wall = await with_wall(stage)
    result = await painted(channel, alice, photo)
    job_id = next(iter(buttons(result).values())).rpartition(":")[2]
    async with stage.bot.gallery.one_at_a_time(job_id):
        first = await alice.click(result, label="★")
        second = await alice.click(result, label="★")
        await asyncio.sleep(0.1)
        assert wall.history() == []
    answers = [(await told(press)).content for press in (first, second)]
    (hung,) = wall.history()
    assert answers == [
        EN.say("star.hung", link=hung.jump_url),
        EN.say("star.there", link=hung.jump_url, stars=1),
    ]


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_no_gallery_yet(stage: Stage, photo: Upload, language: str) -> None:
    """The refusal says who can choose one, and how."""
    channel, alice = stage.elsewhere().room()
    result = await painted(channel, alice, photo)
    with speaking(language):
        missing = words_in(language).refusals["gallery_missing"]
        assert await refusal(await alice.click(result, label="★")) == missing
        assert await refusal(await alice.slash(channel, "gallery")) == missing


@on_stage
async def test_gallery_that_cannot_be_used(stage: Stage, photo: Upload) -> None:
    """A lost permission is named with its channel; so is a channel that is gone."""
    server, channel, alice, wall = await with_wall(stage, embed_links=False)
    result = await painted(channel, alice, photo)
    expected = SENTENCES["permissions_missing_there"].format(channel=wall.mention, permissions="Embed Links")
    assert await refusal(await alice.click(result, label="★")) == expected
    await stage.bot.servers.change(server.guild.id, gallery_channel=1)
    assert await refusal(await alice.click(result, label="★")) == SENTENCES["gallery_gone"]
    assert await stage.bot.stars.count(server.guild.id) == 0


@on_stage
async def test_discord_refuses_the_picture(stage: Stage, photo: Upload) -> None:
    """AutoMod and the like: the person is told who can look into it, and may try again."""
    _, channel, alice, wall = await with_wall(stage)
    result = await painted(channel, alice, photo)
    with stage.refusing("POST", f"/channels/{wall.id}/messages", status=400, code=200000):
        press = await alice.click(result, label="★")
        assert await refusal(press) == SENTENCES["gallery_refused"].format(channel=wall.mention)
    await told(await alice.click(result, label="★"))
    assert len(wall.history()) == 1


@on_stage
async def test_taken_down_by_a_moderator(stage: Stage, photo: Upload) -> None:
    """A picture that somebody took off the wall is not hung again."""
    server, channel, alice, wall = await with_wall(stage)
    result = await painted(channel, alice, photo)
    await told(await alice.click(result, label="★"))
    await server.person("tidy", manage_messages=True).delete(wall.history()[0])
    for name in ("bob", "carol"):
        answer = await told(await server.person(name).click(result, label="★"))
        assert answer.content == EN.say("star.down")
    assert wall.history() == []
    assert await refusal(await alice.slash(channel, "gallery")) == SENTENCES["gallery_empty"]


@on_stage
async def test_delete_takes_it_off_the_wall(stage: Stage, photo: Upload) -> None:
    """Whoever deletes the result deletes what hangs of it."""
    _, channel, alice, wall = await with_wall(stage)
    result = await painted(channel, alice, photo)
    await told(await alice.click(result, label="★"))
    await refusal(await alice.click(result, label="Delete"))
    assert wall.history() == []


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_gallery_pages(stage: Stage, photo: Upload, language: str) -> None:
    """One picture a page, the newest first, for whoever asks alone; the last page has no next one."""
    words = words_in(language)
    server, channel, alice, wall = await with_wall(stage)
    for preset in ("scream", "kiss", "great_wave"):
        await told(await alice.click(await painted(channel, alice, photo, preset=preset), label="★"))
    links = [message.jump_url for message in wall.history()]
    carol = server.person("carol")
    with speaking(language):
        page = await told(await carol.slash(channel, "gallery"))
        seen = []
        for _ in range(3):
            seen.append(next(link for link in links if words.say("gallery.where", link=link) in text(page)))
            assert list(gallery(page)) == ["pastiche.png"]
            following = next(piece for piece in pieces(page) if piece.get("label") == words.say("pages.next"))
            if not following["disabled"]:
                await carol.click(page, custom_id=following["custom_id"])
    assert seen == links[::-1]
    assert following["disabled"]


@on_stage
async def test_gallery_covers_what_is_age_restricted(stage: Stage, photo: Upload) -> None:
    """On the wall and on a page outside such channels, as the server's rule is at first."""
    _, channel, alice, wall = await with_wall(stage)
    known = stage.bot.get_channel(channel.id)
    assert isinstance(known, discord.TextChannel)
    known.nsfw = True
    await told(await alice.click(await painted(channel, alice, photo), label="★"))
    known.nsfw = False
    page = await told(await alice.slash(channel, "gallery"))
    for message in (wall.history()[0], page):
        (item,) = [item for piece in pieces(message) if piece["type"] == 12 for item in piece["items"]]
        assert item["spoiler"] is True


@on_stage
async def test_star_in_private(stage: Stage, photo: Upload) -> None:
    """A private conversation has no gallery."""
    dora = stage.env.create_user("dora-star")
    await dora.slash("stylize", content=photo, preset="scream")
    result = await result_in(dora.dm_channel)
    assert await refusal(await dora.click(result, label="★")) == SENTENCES["gallery_private"]


async def test_star_after_a_restart(tmp_path: Path, photo: Upload) -> None:
    """The wall is remembered; what hangs there is kept although its time is over."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        channel, alice = stage.room()
        wall, bob = stage.room()
        await stage.bot.servers.change(stage.guild.id, gallery_channel=wall.id)
        result = await painted(channel, alice, photo)
        await told(await alice.click(result, label="★"))
        await stage.restart(new_bot(tmp_path, small=True))
        await stage.bot.store.sweep(inputs_s=0, results_s=0)
        answer = await told(await bob.click(result, label="★"))
        assert "starred by 2" in answer.content
        assert "★ 2" in text(wall.history()[0])
        assert list(gallery(await told(await bob.slash(channel, "gallery")))) == ["pastiche.png"]
        assert await refusal(await bob.click(result, label="Again")) == SENTENCES["job_forgotten"]


def test_nonce_fits_into_discord() -> None:
    """It is the job's id and one letter: 25 at most."""
    assert len(galleries.NONCE.format("0" * 24)) == 25
