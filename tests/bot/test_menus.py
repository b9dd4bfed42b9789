"""Message menus and kept pictures, from end to end."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import discord
import pytest
from PIL import Image
from staging.seen import buttons, fields, pictures_of, refusal, result_in, results, says, shows, text
from staging.stage import new_bot, opened, speaking

from bot.i18n import words_in
from bot.jobs.kept import KEPT_S, KeptPictures
from bot.rehearsal.realtime import until
from nst_core.errors import SENTENCES

if TYPE_CHECKING:
    from pathlib import Path

    from simcord import MemberActor
    from simcord.builders import ChannelHandle
    from simcord.results import InteractionResult
    from staging.stage import Stage

    Upload = tuple[str, bytes]

EN = words_in("en")
on_stage = pytest.mark.asyncio(loop_scope="module")
NO_PICTURES: dict[str, dict[str, Any]] = {
    "words": {"content": "a photo? no"},
    "a link": {"content": "https://cdn.discordapp.com/attachments/1/2/photo.png"},
    "a document": {"content": "read this", "attachments": [("notes.txt", b"Dear diary")]},
}


def menu(name: str, language: str = "en") -> str:
    """Return what a menu is called: simcord knows commands by their English names only."""
    assert words_in(language).texts[f"menu.{name}"]
    return EN.say(f"menu.{name}")


async def posted(alice: MemberActor, channel: ChannelHandle, *uploads: Upload) -> discord.Message:
    """Return a message with pictures."""
    return await alice.send(channel, "look", attachments=list(uploads))


async def presets_of(stage: Stage, result: discord.Message) -> tuple[tuple[str | None, ...], Any]:
    """Return the styles and params of the job behind a result."""
    job_id = next(iter(buttons(result).values())).rpartition(":")[2]
    job = await stage.bot.service.get(job_id)
    assert job is not None
    return job.presets, job.params


async def answered(reply: InteractionResult) -> str:
    """Return what a menu tells its user alone, waiting for it."""
    await until(lambda: reply.response and reply.response.content, within_s=30)
    assert reply.response is not None
    assert reply.response.ephemeral
    return reply.response.content


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_stylize_this(stage: Stage, photo: Upload, texture: Upload, language: str) -> None:
    """The message's first picture is the content; the form says so where there are several."""
    channel, alice = stage.room()
    message = await posted(alice, channel, photo, texture)
    bob = stage.person(f"bob-this-{language}")
    words = words_in(language)
    with speaking(language):
        form = await bob.context_menu(channel, menu("stylize", language), message)
        assert list(fields(form)) == ["preset", "style", "strength"]
        assert words.say("kept.first_of", pictures=2) in str(form.modal)
        await bob.submit_modal(form, {"preset": ["great_wave"], "strength": ["20"]})
        result = await result_in(channel)
    presets, params = await presets_of(stage, result)
    assert (presets, params.strength) == (("great_wave",), 20)
    assert (await pictures_of(result))["content.jpg"].size == (64, 43)
    assert [user.id for user in result.mentions] == [bob.id]


@on_stage
async def test_stylize_this_takes_an_uploaded_style(stage: Stage, photo: Upload, texture: Upload) -> None:
    """Without a painting."""
    channel, alice = stage.room()
    form = await alice.context_menu(channel, menu("stylize"), await posted(alice, channel, photo))
    assert "first" not in str(form.modal)
    await alice.submit_modal(form, {"style": texture})
    assert "your style picture" in text(await result_in(channel))


@on_stage
async def test_forwarded_picture(stage: Stage, photo: Upload) -> None:
    """What somebody forwarded from elsewhere counts as the message's own picture."""
    channel, alice = stage.room()
    elsewhere, _ = stage.room()
    forwarded = await alice.forward(await posted(alice, elsewhere, photo), channel)
    assert forwarded.attachments == []
    await answered(await alice.context_menu(channel, menu("content"), forwarded))
    kept = (await stage.bot.kept.of(alice.id))["content"]
    assert await stage.bot.store.read_blob(kept.blob) == photo[1]


@on_stage
async def test_stylize_this_on_a_result(stage: Stage, texture: Upload) -> None:
    """Of our own results the painted picture is meant, not the photo that stands before it."""
    channel, alice = stage.room()
    await alice.slash(channel, "stylize", content=texture, preset="scream")
    first = await result_in(channel)
    painted = next(file for file in first.attachments if file.filename.startswith("pastiche"))
    form = await alice.context_menu(channel, menu("stylize"), first)
    await alice.submit_modal(form, {"preset": ["kiss"]})
    await until(lambda: len(results(channel)) == 2, within_s=60)
    (second,) = [each for each in results(channel) if each.id != first.id]
    job_id = next(iter(buttons(second).values())).rpartition(":")[2]
    assert await stage.bot.service.content(job_id) == await painted.read()


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", ["stylize", "content", "style"])
@pytest.mark.parametrize("kind", NO_PICTURES)
async def test_message_without_a_picture(stage: Stage, language: str, name: str, kind: str) -> None:
    """One sentence; a link in it is not opened."""
    channel, alice = stage.room()
    message = await alice.send(channel, **NO_PICTURES[kind])
    with speaking(language):
        reply = await alice.context_menu(channel, menu(name, language), message)
    assert await refusal(reply) == words_in(language).refusals["message_without_picture"]
    assert len(channel.history()) == 1


@on_stage
async def test_picture_behind_an_embed_is_not_fetched(stage: Stage) -> None:
    """What a link shows is somebody else's server; only files count."""
    channel, alice = stage.room()
    embed = discord.Embed().set_image(url="https://example.org/photo.png")
    message = await stage.bot.get_partial_messageable(channel.id).send(embed=embed)
    reply = await alice.context_menu(channel, menu("content"), message)
    assert await refusal(reply) == SENTENCES["message_without_picture"]


@on_stage
async def test_bad_picture_is_refused_by_the_menu(stage: Stage) -> None:
    """A file that only looks like a picture is not kept."""
    channel, alice = stage.room()
    reply = await alice.context_menu(
        channel, menu("style"), await posted(alice, channel, ("photo.png", b"%PDF-1.4 not a picture"))
    )
    assert says(await answered(reply), SENTENCES["image_is_document"].replace("{role}", "The style picture"))
    assert await stage.bot.kept.of(alice.id) == {}


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_kept_content_and_a_preset_paint_at_once(stage: Stage, photo: Upload, language: str) -> None:
    """`Use as content`, then `/stylize` with the other half: no upload."""
    channel, alice = stage.room()
    words = words_in(language)
    with speaking(language):
        reply = await alice.context_menu(channel, menu("content"), await posted(alice, channel, photo))
        told = await answered(reply)
        assert says(told, words.say("list.sentences").join(
            [words.texts["kept.content"], words.texts["kept.after_content"]]
        ))  # fmt: skip
        assert words.say("kept.choose") in buttons(reply.response)
        card = await alice.slash(channel, "stylize", preset="scream")
        await shows(card, words.say("card.heading", style="").strip("# "))
        result = await result_in(channel)
    assert (await presets_of(stage, result))[0] == ("scream",)
    assert (await pictures_of(result))["content.jpg"].size == (64, 43)


@on_stage
async def test_both_halves_kept(stage: Stage, photo: Upload, texture: Upload) -> None:
    """The second menu's answer has a button that paints; a bare command does, too."""
    channel, alice = stage.room()
    style = await alice.context_menu(channel, menu("style"), await posted(alice, channel, texture))
    assert EN.say("kept.after_style") in await answered(style)
    reply = await alice.context_menu(channel, menu("content"), await posted(alice, channel, photo))
    assert EN.say("kept.whole") in await answered(reply)
    card = await alice.click(reply.response, label="Paint it")
    first = await result_in(channel)
    assert card.response is not None
    assert not card.response.ephemeral
    await alice.slash(channel, "stylize", strength=20)
    await until(lambda: len(results(channel)) == 2, within_s=60)
    (second,) = [each for each in results(channel) if each.id != first.id]
    assert (await presets_of(stage, second))[1].strength == 20
    pictures = await pictures_of(second)
    assert pictures["content.jpg"].size == (64, 43)


@on_stage
async def test_button_asks_for_the_rest(stage: Stage, photo: Upload) -> None:
    """With one half kept, a form asks for the other, and for nothing else."""
    channel, alice = stage.room()
    reply = await alice.context_menu(channel, menu("content"), await posted(alice, channel, photo))
    await answered(reply)
    form = await alice.click(reply.response, label="Choose the rest…")
    assert list(fields(form)) == ["preset", "style", "strength"]
    await alice.submit_modal(form, {"preset": ["mona_lisa"]})
    assert (await presets_of(stage, await result_in(channel)))[0] == ("mona_lisa",)


@on_stage
async def test_kept_style_waits_for_a_content(stage: Stage, photo: Upload, texture: Upload) -> None:
    """A photo attached to the command meets the style that was kept; what is chosen now comes first."""
    channel, alice = stage.room()
    await answered(await alice.context_menu(channel, menu("style"), await posted(alice, channel, texture)))
    await alice.slash(channel, "stylize", content=photo)
    first = await result_in(channel)
    assert (await presets_of(stage, first))[0] == (None,)
    await alice.slash(channel, "stylize", content=photo, preset="kiss")
    await until(lambda: len(results(channel)) == 2, within_s=60)
    (second,) = [each for each in results(channel) if each.id != first.id]
    assert (await presets_of(stage, second))[0] == ("kiss",)


@on_stage
async def test_what_somebody_keeps_is_theirs(stage: Stage, photo: Upload) -> None:
    """Nobody else's command uses it."""
    channel, alice = stage.room()
    await answered(await alice.context_menu(channel, menu("content"), await posted(alice, channel, photo)))
    bob = stage.person("bob-kept")
    assert list(fields(await bob.slash(channel, "stylize", preset="scream"))) == ["content", "strength"]


@on_stage
async def test_kept_picture_that_is_lost(stage: Stage) -> None:
    """As an attachment that cannot be fetched: it is asked for again, and no card stays."""
    channel, alice = stage.room()
    red = io.BytesIO()
    Image.new("RGB", (33, 44), "red").save(red, "PNG")
    await answered(
        await alice.context_menu(
            channel, menu("content"), await posted(alice, channel, ("red.png", red.getvalue()))
        )
    )
    kept = (await stage.bot.kept.of(alice.id))["content"]
    (stage.bot.settings.data / "blobs" / kept.blob[:2] / kept.blob).unlink()
    reply = await alice.slash(channel, "stylize", preset="scream")
    assert says(await refusal(reply), SENTENCES["upload_lost"])
    assert len(channel.history()) == 1


@on_stage
async def test_menus_work_in_a_direct_message(stage: Stage, photo: Upload) -> None:
    """There, too, where no server is."""
    dora = stage.env.create_user("dora-menus")
    form = await dora.slash("stylize")
    await dora.submit_modal(form, {"content": photo, "preset": ["scream"]})
    assert (await presets_of(stage, await result_in(dora.dm_channel)))[0] == ("scream",)


async def test_kept_pictures_outlive_a_restart(tmp_path: Path, photo: Upload) -> None:
    """They are in the store, and the sweeper leaves them alone as long as they are kept."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        channel, alice = stage.room()
        reply = await alice.context_menu(channel, menu("content"), await posted(alice, channel, photo))
        await answered(reply)
        await stage.restart(new_bot(tmp_path, small=True))
        await stage.bot.store.sweep(inputs_s=0, results_s=0)
        form = await alice.click(reply.response, label="Choose the rest…")
        await alice.submit_modal(form, {"preset": ["kiss"]})
        assert (await presets_of(stage, await result_in(channel)))[0] == ("kiss",)


@on_stage
async def test_kept_pictures_are_forgotten_in_time(stage: Stage, photo: Upload) -> None:
    """After a quarter of an hour nobody has them, and a sweep takes even the row away."""
    now = [1000.0]
    kept = KeptPictures(stage.bot.store, clock=lambda: now[0])
    await kept.keep(77, "style", photo[1])
    now[0] += KEPT_S - 1
    assert set(await kept.of(77)) == {"style"}
    now[0] += 2
    assert await kept.of(77) == {}
    await stage.bot.store.sweep(inputs_s=1e9, results_s=1e9)
    assert await stage.bot.store.read("SELECT * FROM kept_pictures WHERE person_id = 77") == []


@on_stage
async def test_person_may_be_forgotten(stage: Stage, photo: Upload) -> None:
    """Whoever erases their data keeps nothing here either; others do."""
    kept = stage.bot.kept
    for person in (78, 79):
        await kept.keep(person, "content", photo[1])
    await kept.forget(78)
    assert (await kept.of(78), set(await kept.of(79))) == ({}, {"content"})
