"""From an interaction to a job: what is refused, where, and in which language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from staging.seen import gallery, job_of, offers, refusal, result_in, results, runs, says, shows, text
from staging.stage import speaking

from bot.i18n import words_in
from nst_core.errors import SENTENCES

if TYPE_CHECKING:
    from staging.stage import Stage

    Upload = tuple[str, bytes]

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG_OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "neither": ({}, "style_missing"),
    "both": ({"style": ("b.png", b"\x89PNG"), "preset": "scream"}, "style_both"),
    "unknown preset": ({"preset": "no such thing"}, "preset_unknown"),
    "strength 101": ({"preset": "scream", "strength": 101}, "out_of_range"),
    "brush 401": ({"preset": "scream", "brush": 401}, "out_of_range"),
    "too large": ({"preset": "scream", "size": 100_000}, "out_of_range"),
    "empty": ({"style": ("empty.png", b"")}, "image_empty"),
    "text": ({"style": ("notes.txt", b"Dear diary")}, "image_unreadable"),
}


@pytest.mark.parametrize("wrong", WRONG_OPTIONS)
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_wrong_options(stage: Stage, photo: Upload, language: str, wrong: str) -> None:
    """Each is refused at once, to its maker alone, in their language, before anything public is said."""
    options, code = WRONG_OPTIONS[wrong]
    channel, alice = stage.room()
    with speaking(language, guild_locale="fr"):
        reply = await alice.slash(channel, "stylize", content=photo, **options)
    assert reply.response is not None
    assert reply.response.ephemeral
    assert says(await refusal(reply), words_in(language).refusals[code])
    assert channel.history() == []


async def test_public_words_are_the_servers(stage: Stage, photo: Upload, texture: Upload) -> None:
    """A Japanese person on an English server: card and result are English, a refusal is Japanese."""
    channel, alice = stage.room()
    with speaking("ja", guild_locale="en-US"):
        reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
        wrong = await alice.slash(channel, "stylize", content=photo, style=texture, preset="scream")
    await shows(reply, "In the manner of The Scream")
    assert await refusal(wrong) == words_in("ja").refusals["style_both"]
    assert "here is your picture" in text(await result_in(channel))


async def test_content_is_fetched_after_the_first_answer(stage: Stage, photo: Upload) -> None:
    """A person sees something at once, however long Discord takes to hand out their file."""
    channel, alice = stage.room()
    await alice.slash(channel, "stylize", content=photo, preset="scream")
    (first,) = [sent for sent in stage.sent("POST", "/interactions/.*/callback") if channel_of(sent)][-1:]
    assert "Fetching your pictures…" in str(first["data"]["components"])
    await result_in(channel)


async def test_upload_that_discord_lost(stage: Stage, photo: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attachment that cannot be fetched is asked for again, and the card is taken back."""
    channel, alice = stage.room()
    monkeypatch.setattr(stage.env.backend.cdn, "get", lambda _url: None)
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
    assert says(await refusal(reply), SENTENCES["upload_lost"])
    assert channel.history() == []


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_missing_permissions_are_named(stage: Stage, photo: Upload, language: str) -> None:
    """Nothing is painted that could not be posted; the person learns what to ask for."""
    channel, _ = stage.room(attach_files=False, send_messages=False)
    owner = stage.person(f"owner-{language}", administrator=True)
    with speaking(language):
        reply = await owner.slash(channel, "stylize", content=photo, preset="scream")
    sentence, words = await refusal(reply), words_in(language)
    names = [words.texts[f"permission.{name}"] for name in ("attach_files", "send_messages")]
    assert words.say("list.comma").join(names) in sentence
    assert words.texts["permission.embed_links"] not in sentence
    assert channel.history() == []


async def test_share_is_limited(stage: Stage, photo: Upload) -> None:
    """A fourth job of one person is refused, and its card taken back; the others go on."""
    channel, alice = stage.room()
    options = {"content": photo, "preset": "scream", "size": 128}
    replies = [await alice.slash(channel, "stylize", **options) for _ in range(3)]
    fourth = await alice.slash(channel, "stylize", **options)
    assert says(await refusal(fourth), SENTENCES["share_used"])
    await runs(replies[0])
    for reply in replies:
        await offers(reply, "Cancel")
        await alice.click(reply.response, label="Cancel")
        await shows(reply, "cancelled")
    assert len(channel.history()) == 3


async def test_presets_are_found_while_one_types(stage: Stage) -> None:
    """By title or artist, shown in the person's language."""
    channel, alice = stage.room()
    assert len(await alice.autocomplete(channel, "stylize", "preset", "")) == 25
    english = await alice.autocomplete(channel, "stylize", "preset", "hokusai")
    names = {choice["value"]: choice["name"] for choice in english}
    assert names["great_wave"].startswith("The Great Wave off Kanagawa – Katsushika Hokusai, ")
    with speaking("ja"):
        japanese = await alice.autocomplete(channel, "stylize", "preset", "浪裏")
    assert [choice["value"] for choice in japanese] == ["great_wave"]
    assert japanese[0]["name"].startswith("神奈川沖浪裏")
    assert await alice.autocomplete(channel, "stylize", "preset", "no such thing") == []


async def test_preset_may_be_typed_by_title(stage: Stage, photo: Upload) -> None:
    """Whoever does not pick from the list is understood all the same."""
    channel, alice = stage.room()
    reply = await alice.slash(channel, "stylize", content=photo, preset="the kiss")
    job = await stage.bot.service.get(await after_fetching(reply))
    assert job is not None
    assert job.presets == ("kiss",)


async def test_direct_message(stage: Stage, photo: Upload) -> None:
    """It works in private, too."""
    dora = stage.env.create_user("dora")
    reply = await dora.slash("stylize", content=photo, preset="scream")
    await shows(reply, "In the manner of The Scream")
    channel = dora.dm_channel
    result = await result_in(channel)
    assert list(gallery(result)) == ["content.jpg", "style_1.jpg", "pastiche.png", "curve.png"]
    await shows(reply, result.jump_url)
    assert len(results(channel)) == 1


def channel_of(sent: dict[str, Any]) -> bool:
    """Tell whether an answer to an interaction has components, as a card does."""
    return "components" in sent.get("data", {})


async def after_fetching(reply: Any) -> str:  # noqa: ANN401 - simcord's InteractionResult
    """Return the id of a job, once its card has buttons."""
    await shows(reply, "In the manner of")
    return job_of(reply)
