"""`/styles` and a server's own paintings, from end to end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord import ui
from staging.seen import buttons, fields, gallery, pictures_of, pieces, refusal, result_in, shows, text
from staging.stage import new_bot, opened, speaking

from bot.i18n import words_in
from bot.jobs.own_presets import MOST_PER_SERVER, OwnPresets
from bot.rehearsal.realtime import until
from bot.ui.buttons import MenuButton
from bot.ui.styles import PER_PAGE
from nst_core import presets
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
MAY: dict[str, bool] = {"manage_guild": True}


def uses(reply: InteractionResult) -> list[str]:
    """Return what the `Use` buttons of a page stand for, in order."""
    found = [piece["custom_id"] for piece in pieces(reply.response) if "custom_id" in piece]  # type: ignore[arg-type]
    return [custom_id.removeprefix("gafuu.use:") for custom_id in found if custom_id.startswith("gafuu.use:")]


async def add(
    who: MemberActor, channel: ChannelHandle, picture: Upload, title: str, **more: str
) -> InteractionResult:
    """Add a painting of the server's own through the form; return the answer to it."""
    page = await who.slash(channel, "styles")
    form = await who.click(page.response, custom_id="gafuu.add")
    answers: dict[str, Any] = {"picture": picture, "title": title, "licence": "my own work"}
    return await who.submit_modal(form, answers | more)


async def hang(stage: Stage, picture: Upload, title: str) -> None:
    """Put a painting among the server's own without the form."""
    await stage.bot.own_presets.add(
        stage.guild.id,
        title=title,
        artist="",
        licence="my own work",
        image=picture[1],
        thumbnail=None,
        added_by=1,
    )


async def told(reply: InteractionResult) -> str:
    """Return what a form is answered with, privately, waiting for it."""
    await until(lambda: reply.response and reply.response.content, within_s=60)
    assert reply.response is not None
    assert reply.response.ephemeral
    return reply.response.content


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_pages_of_paintings(stage: Stage, language: str) -> None:
    """Six to a page with thumbnails, titles, artists and years in the person's language; only they see it."""
    channel, alice = stage.room()
    words = words_in(language)
    known = list(presets.all_presets().values())
    with speaking(language, guild_locale="fr"):
        page = await alice.slash(channel, "styles")
        assert page.response is not None
        assert page.response.ephemeral
        assert uses(page) == [preset.id for preset in known[:PER_PAGE]]
        for preset in known[:PER_PAGE]:
            shown = text(page.response)
            assert preset.title_in(language) in shown
            assert f"{preset.artist_in(language)}" in shown
            assert preset.year_in(language) in shown
        assert len(gallery(page.response)) == PER_PAGE
        await alice.click(page.response, label=words.say("styles.on"))
    assert uses(page) == [preset.id for preset in known[PER_PAGE : 2 * PER_PAGE]]
    thumbnail = (await pictures_of(page.response.message))["1.jpg"]
    assert max(thumbnail.size) == 320
    assert words.say("styles.title", page=2, pages=10) in text(page.response)
    assert channel.history() == []


@on_stage
async def test_every_painting_stands_on_one_page(stage: Stage) -> None:
    """Leafing to the end shows each once; those that are downloaded have no thumbnail and say so."""
    channel, alice = stage.room()
    page = await alice.slash(channel, "styles")
    assert page.response is not None
    seen = uses(page)
    while "gafuu.page:" in str(page.response.components):
        following = next(piece for piece in pieces(page.response) if piece.get("label") == "Next")
        if following.get("disabled"):
            break
        await alice.click(page.response, custom_id=following["custom_id"])
        seen += uses(page)
    assert seen == list(presets.all_presets())
    assert gallery(page.response) == {}
    assert "downloaded at its first use" in text(page.response)


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_use_asks_for_a_picture(stage: Stage, photo: Upload, language: str) -> None:
    """The form asks which picture; its card and result are public."""
    channel, alice = stage.room()
    words = words_in(language)
    with speaking(language):
        page = await alice.slash(channel, "styles")
        form = await alice.click(page.response, custom_id="gafuu.use:great_wave")
        assert list(fields(form)) == ["content", "strength"]
        assert fields(form)["content"]["label"] == words.say("form.content")
        card = await alice.submit_modal(form, {"content": photo})
        result = await result_in(channel)
    assert presets.find("great_wave").title_in(language) in text(result)
    assert card.response is not None
    assert not card.response.ephemeral


@on_stage
async def test_use_paints_what_is_kept_at_once(stage: Stage, photo: Upload) -> None:
    """After `Use as content` no form is needed."""
    channel, alice = stage.room()
    message = await alice.send(channel, "look", attachments=[photo])
    await told(await alice.context_menu(channel, EN.say("menu.content"), message))
    page = await alice.slash(channel, "styles")
    card = await alice.click(page.response, custom_id="gafuu.use:kiss")
    await shows(card, "In the manner of The Kiss")
    await result_in(channel)


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_own_painting(stage: Stage, photo: Upload, texture: Upload, language: str) -> None:
    """Added by who manages the server, it stands first in its list and in the suggestions, and paints."""
    channel, alice = stage.room()
    owner = stage.person(f"owner-{language}", **MAY)
    words = words_in(language)
    title = f"Stripes *{language}*"
    with speaking(language):
        added = await add(owner, channel, texture, title, artist="Aoi_K")
        assert await told(added) == words.say("own.added", title=f"Stripes \\*{language}\\*")
        page = await alice.slash(channel, "styles")
        assert page.response is not None
        ref = f"own:{title}"
        assert ref in uses(page)
        assert f"Stripes \\*{language}\\*" in text(page.response)
        assert words.say("styles.own", artist="Aoi\\_K", licence="my own work") in text(page.response)
        assert title in gallery(page.response).values()
        choices = await alice.autocomplete(channel, "stylize", "preset", f"stripes {language}")
        assert choices == [{"name": words.say("own.choice", title=title, artist="Aoi_K"), "value": ref}]
        await alice.slash(channel, "stylize", content=photo, preset=f"stripes {language}")
        result = await result_in(channel)
        details = await refusal(await alice.click(result, label=words.say("button.details")))
    assert f"Stripes \\*{language}\\*" in text(result)
    assert words.say("details.own", title=f"Stripes \\*{language}\\*", licence="my own work") in details
    form = await alice.slash(channel, "stylize")
    assert ref in [option["value"] for option in fields(form)["preset"]["component"]["options"]]
    await stage.bot.own_presets.remove(stage.bot.own_presets.of(stage.guild.id)[0])


@on_stage
async def test_own_paintings_are_of_one_server(stage: Stage, photo: Upload, texture: Upload) -> None:
    """Nobody elsewhere sees them, finds them or uses them; nor does a direct message."""
    await hang(stage, texture, "Only here")
    other = stage.env.create_guild()
    elsewhere = other.create_text_channel("art")
    bob = other.add_member(stage.env.create_user("bob-elsewhere"))
    assert "own:Only here" not in uses(await bob.slash(elsewhere, "styles"))
    assert await bob.autocomplete(elsewhere, "stylize", "preset", "only here") == []
    reply = await bob.slash(elsewhere, "stylize", content=photo, preset="own:Only here")
    assert "There is no painting called “Only here”" in await refusal(reply)
    dora = stage.env.create_user("dora-elsewhere")
    assert "own:Only here" not in uses(await dora.slash("styles"))
    await stage.bot.own_presets.remove(stage.bot.own_presets.of(stage.guild.id)[0])


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_removed_painting(stage: Stage, photo: Upload, texture: Upload, language: str) -> None:
    """It is gone from the list; old buttons for it say so, and what was painted from it stays."""
    channel, alice = stage.room()
    owner = stage.person(f"owner-removes-{language}", **MAY)
    words = words_in(language)
    await hang(stage, texture, "Fleeting")
    old = await alice.slash(channel, "styles")
    await alice.slash(channel, "stylize", content=photo, preset="fleeting")
    result = await result_in(channel)
    with speaking(language):
        page = await owner.slash(channel, "styles")
        form = await owner.click(page.response, custom_id="gafuu.remove")
        removed = await owner.submit_modal(form, {"own": ["own:Fleeting"]})
        assert await told(removed) == words.say("own.removed", title="Fleeting")
        press = await alice.click(old.response, custom_id="gafuu.use:own:Fleeting")
        assert await refusal(press) == words.refusals["preset_unknown"].format(
            preset="Fleeting", hint=words.refusals["hint_list"]
        )
        again = await alice.click(result, custom_id=f"gafuu:again:{job_of_result(result)}")
        await shows(again, "Fleeting")


def job_of_result(result: Any) -> str:  # noqa: ANN401 - discord.py's or simcord's message
    """Return the id of the job behind a result."""
    return next(iter(buttons(result).values())).rpartition(":")[2]


@on_stage
async def test_only_who_manages_the_server_sees_the_buttons(stage: Stage) -> None:
    """Nobody else is offered to change its paintings, and none of its own means nothing to remove."""
    channel, alice = stage.room()
    owner = stage.person("owner-looks", **MAY)
    dora = stage.env.create_user("dora-looks")
    for page, offered in (
        (await alice.slash(channel, "styles"), set()),
        (await owner.slash(channel, "styles"), {"gafuu.add"}),
        (await dora.slash("styles"), set()),
    ):
        assert set(buttons(page.response).values()) & {"gafuu.add", "gafuu.remove"} == offered


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_who_lost_the_right_is_refused(stage: Stage, language: str) -> None:
    """An old page's buttons do not outlive the permission."""
    channel, alice = stage.room()
    message = await stage.bot.get_partial_messageable(channel.id).send(view=managing_buttons())
    for custom_id in ("gafuu.add", "gafuu.remove"):
        with speaking(language):
            press = await alice.click(message, custom_id=custom_id)
        assert await refusal(press) == words_in(language).refusals["own_forbidden"]
        assert press.modal is None


def managing_buttons() -> Any:  # noqa: ANN401 - a view
    """Return the buttons that change a server's paintings, as an older page has them."""
    view = ui.View(timeout=None)
    view.add_item(MenuButton("add", label="Add")).add_item(MenuButton("remove", label="Remove"))
    return view


WRONG_TITLES = {"The Scream": "own_title_taken", "叫び": "own_title_taken", " … ": "own_title_empty"}


@on_stage
@pytest.mark.parametrize("title", WRONG_TITLES)
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_wrong_titles(stage: Stage, texture: Upload, title: str, language: str) -> None:
    """A painting's title must be one that finds it and no other."""
    channel, _ = stage.room()
    owner = stage.person(f"owner-{title}-{language}", **MAY)
    with speaking(language):
        reply = await add(owner, channel, texture, title)
    sentence = words_in(language).refusals[WRONG_TITLES[title]].format(title=title)
    assert await refusal(reply) == sentence


@on_stage
async def test_own_title_twice(stage: Stage, texture: Upload) -> None:
    """Case, accents and kana make no other title."""
    channel, _ = stage.room()
    owner = stage.person("owner-twice", **MAY)
    await hang(stage, texture, "Café さくら")
    reply = await add(owner, channel, texture, "cafe サクラ")
    assert await refusal(reply) == SENTENCES["own_title_taken"].format(title="cafe サクラ")
    await stage.bot.own_presets.remove(stage.bot.own_presets.of(stage.guild.id)[0])


BAD_FILES = {
    "notes.txt": (b"Dear diary", "image_unreadable"),
    "cut.png": (b"\x89PNG\r\n\x1a\n123", "image_damaged"),
}


@on_stage
@pytest.mark.parametrize(("name", "language"), [("notes.txt", "en"), ("cut.png", "en"), ("cut.png", "ja")])
async def test_bad_picture_is_not_added(stage: Stage, name: str, language: str) -> None:
    """Not even one that only a decoder finds to be broken."""
    data, code = BAD_FILES[name]
    channel, _ = stage.room()
    owner = stage.person(f"owner-bad-{name}-{language}", **MAY)
    refusals = words_in(language).refusals
    with speaking(language):
        answer = await told(await add(owner, channel, (name, data), "A bad one"))
    assert answer == refusals[code].format(role=refusals["role_style"], kind="PNG")
    assert stage.bot.own_presets.of(stage.guild.id) == []


async def test_own_paintings_outlive_a_restart_and_the_sweeper(
    tmp_path: Path, photo: Upload, texture: Upload
) -> None:
    """They are in the store with their pictures; what the sweeper removes is what nobody refers to."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        channel, alice = stage.room()
        await told(await add(stage.person("owner", **MAY), channel, texture, "Kept"))
        await stage.restart(new_bot(tmp_path, small=True))
        (own,) = stage.bot.own_presets.of(stage.guild.id)
        forget_times(stage)
        stray = await stage.bot.store.write_blob(b"nobody's")
        forget_times(stage)
        await stage.bot.store.sweep(inputs_s=0, results_s=0)
        folder = stage.bot.settings.data / "blobs"
        assert not (folder / stray[:2] / stray).exists()
        assert own.thumbnail is not None
        assert await stage.bot.store.read_blob(own.thumbnail)
        await alice.slash(channel, "stylize", content=photo, preset="kept")
        assert "Kept" in text(await result_in(channel))
        await stage.bot.own_presets.remove(own)
        await stage.bot.store.sweep(inputs_s=0, results_s=0)


def forget_times(stage: Stage) -> None:
    """Make every picture's file as old as one that the sweeper may remove."""
    for file in (stage.bot.settings.data / "blobs").rglob("*"):
        os.utime(file, (0, 0))


@on_stage
async def test_number_of_own_paintings_is_limited(stage: Stage) -> None:
    """The next one is refused before anybody fills in a form."""
    other = stage.env.create_guild()
    channel = other.create_text_channel("art")
    role = other.create_role("keeper", permissions=discord.Permissions(manage_guild=True))
    owner = other.add_member(stage.env.create_user("owner-many"), roles=[role])
    own = stage.bot.own_presets
    for number in range(MOST_PER_SERVER):
        await own.add(
            other.id, title=f"No. {number}", artist="", licence="mine", image=b"x", thumbnail=None, added_by=1
        )
    page = await owner.slash(channel, "styles")
    assert len(uses(page)) == PER_PAGE
    press = await owner.click(page.response, custom_id="gafuu.add")
    assert await refusal(press) == SENTENCES["own_full"].format(most=MOST_PER_SERVER)
    assert gallery(page.response) == {}  # type: ignore[arg-type]
    again = OwnPresets(stage.bot.store)
    await again.load()
    assert [each.title for each in again.of(other.id)] == [each.title for each in own.of(other.id)]
