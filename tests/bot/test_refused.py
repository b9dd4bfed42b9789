"""Every error that Discord answers with, and what the person sees of it, in both languages.

How often something is tried again, and where, is the matter of jobs/test_delivery and ui/test_posting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from discord.webhook.async_ import AsyncWebhookAdapter
from staging.seen import buttons, gallery, refusal, results, shows, text
from staging.stage import as_guest, speaking

from bot.i18n import words_in
from bot.rehearsal.realtime import until

if TYPE_CHECKING:
    from simcord import MemberActor
    from simcord.builders import ChannelHandle
    from simcord.results import InteractionResult
    from staging.stage import Stage

    from bot.i18n import Words

    Upload = tuple[str, bytes]


class Trouble(NamedTuple):
    """What Discord refuses, and how often."""

    status: int
    code: int
    what: str
    times: int | None = None


PLACES = {
    "edit": ("PATCH", "/webhooks/*"),
    "post": ("POST", "/channels/{channel}/messages"),
    "follow-up": ("POST", "/webhooks/*"),
    "everything by token": ("*", "/webhooks/*"),
}
WHOLE = ["content.jpg", "style_1.jpg", "pastiche.png", "curve.png"]
UNNOTICED = (
    Trouble(400, 30046, "edit", 1),
    Trouble(400, 200000, "edit", 1),
    Trouble(413, 40005, "edit", 1),
    Trouble(429, 0, "edit", 1),
    Trouble(500, 0, "edit", 1),
    Trouble(401, 50027, "everything by token"),
    Trouble(429, 0, "post", 2),
    Trouble(500, 0, "post", 2),
    Trouble(502, 0, "post", 2),
    Trouble(503, 0, "post", 2),
)
CLOSED = (
    Trouble(404, 10003, "post"),
    Trouble(403, 50001, "post"),
    Trouble(403, 50013, "post"),
    Trouble(400, 50083, "post"),
    Trouble(400, 200000, "post"),
)
TOO_LARGE = (Trouble(413, 40005, "post", 1), Trouble(400, 50045, "post", 1))

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("language", ["en", "ja"]),
]


def of_code(trouble: object) -> str:
    """Name a test by its error."""
    assert isinstance(trouble, Trouble)
    return f"{trouble.what} {trouble.status} {trouble.code}"


def met(stage: Stage, channel: ChannelHandle, trouble: Trouble) -> Any:  # noqa: ANN401 - a context manager
    """Let Discord make trouble within a block."""
    method, path = PLACES[trouble.what]
    path = path.format(channel=channel.id)
    return stage.refusing(method, path, status=trouble.status, code=trouble.code, times=trouble.times)  # type: ignore[arg-type]


async def ordered(channel: ChannelHandle, who: MemberActor, photo: Upload) -> InteractionResult:
    """Order a picture that takes no time."""
    return await who.slash(channel, "stylize", content=photo, preset="scream")


def ending(words: Words, key: str) -> str:
    """Return the part of a card's text that follows the style's name."""
    return words.texts[key].rpartition("}")[2].strip(" .")


def letter_box(stage: Stage, who: MemberActor) -> list[Any]:
    """Return the direct messages that somebody got."""
    boxes = [each.id for each in stage.env.backend.channels.values() if who.id in each.recipient_ids]
    return [message for box in boxes for message in stage.env.backend.messages[box].values()]


@pytest.mark.parametrize("trouble", UNNOTICED, ids=of_code)
async def test_nobody_notices(stage: Stage, photo: Upload, trouble: Trouble, language: str) -> None:
    """A passing refusal, an edit that is left out, a token that died: the whole result comes, and once."""
    channel, alice = stage.room()
    with speaking(language), met(stage, channel, trouble):
        reply = await ordered(channel, alice, photo)
        await until(lambda: results(channel), within_s=60)
        (result,) = results(channel)
        await shows(reply, result.jump_url)
    assert list(gallery(result)) == WHOLE
    assert words_in(language).say("button.again") in buttons(result)
    assert len(channel.history()) == 2


async def test_card_that_is_gone(stage: Stage, photo: Upload, language: str) -> None:
    """10008, somebody deleted it: the result comes all the same."""
    channel, alice = stage.room()
    with speaking(language), met(stage, channel, Trouble(404, 10008, "edit")):
        await ordered(channel, alice, photo)
        await until(lambda: results(channel), within_s=60)
    assert len(results(channel)) == 1


@pytest.mark.parametrize("trouble", CLOSED, ids=of_code)
async def test_channel_that_does_not_take_it(
    stage: Stage, photo: Upload, trouble: Trouble, language: str
) -> None:
    """Deleted, closed, archived, or AutoMod objects: the result follows the command as its answer."""
    channel, alice = stage.room()
    with speaking(language), met(stage, channel, trouble):
        reply = await ordered(channel, alice, photo)
        await until(lambda: reply.followups, within_s=60)
        (result,) = reply.followups
        await shows(reply, f"/{channel.id}/{result.id}")
    assert list(gallery(result)) == WHOLE
    assert words_in(language).say("button.again") in buttons(result)


@pytest.mark.parametrize("trouble", TOO_LARGE, ids=of_code)
async def test_message_that_is_too_large(
    stage: Stage, photo: Upload, trouble: Trouble, language: str
) -> None:
    """The painted picture comes alone."""
    channel, alice = stage.room()
    with speaking(language), met(stage, channel, trouble):
        await ordered(channel, alice, photo)
        await until(lambda: results(channel), within_s=60)
    (result,) = results(channel)
    assert list(gallery(result)) == ["pastiche.png"]


@pytest.mark.parametrize("trouble", CLOSED, ids=of_code)
async def test_nothing_but_a_direct_message_works(
    stage: Stage, photo: Upload, trouble: Trouble, language: str
) -> None:
    """The token is dead (50027), too: the person gets the result alone, and the card tells so."""
    channel, alice = stage.room()
    dead = Trouble(401, 50027, "everything by token")
    with speaking(language), met(stage, channel, trouble), met(stage, channel, dead):
        reply = await ordered(channel, alice, photo)
        await shows(reply, ending(words_in(language), "card.sent_privately"))
    assert len(letter_box(stage, alice)) == 1


async def test_too_many_follow_ups(stage: Stage, photo: Upload, language: str) -> None:
    """40094, where the bot is only a guest: the result comes directly, and the card tells so."""
    channel, alice = stage.elsewhere().room(send_messages=False)
    with speaking(language), as_guest(), met(stage, channel, Trouble(400, 40094, "follow-up")):
        reply = await ordered(channel, alice, photo)
        await shows(reply, ending(words_in(language), "card.sent_privately"))
    assert results(channel) == []
    assert len(letter_box(stage, alice)) == 1


async def test_closed_letter_box(stage: Stage, photo: Upload, language: str) -> None:
    """50007 at the end of all: the card says what to change and that /history has the picture."""
    channel, alice = stage.room()
    dead = Trouble(401, 50027, "everything by token")
    with (
        speaking(language),
        stage.refusing("POST", "/channels/*/messages", status=403, code=50007),
        met(stage, channel, dead),
    ):
        reply = await ordered(channel, alice, photo)
        await shows(reply, ending(words_in(language), "card.kept"))
        assert "/history" in text(reply.response)


async def test_answer_that_comes_too_late(
    stage: Stage, photo: Upload, language: str, caplog: pytest.LogCaptureFixture
) -> None:
    """10062: Discord itself has told the person; nothing is painted behind their back, no fault is logged."""
    channel, alice = stage.room()
    with speaking(language), stage.refusing("POST", "/interactions/*/callback", status=404, code=10062):
        reply = await ordered(channel, alice, photo)
        await until(lambda: "answered_too_late" in caplog.text)
    assert reply.response is None
    assert channel.history() == []
    assert await stage.bot.store.by_owner(alice.id) == []
    assert "interaction_failed" not in caplog.text


async def test_answer_that_was_there_already(
    stage: Stage, photo: Upload, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """40060, as after a connection cut behind the answer: one card with one result, or one refusal."""
    stock, words = AsyncWebhookAdapter.create_interaction_response, words_in(language)

    async def twice(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - discord.py's own
        await stock(*args, **kwargs)
        return await stock(*args, **kwargs)

    monkeypatch.setattr(AsyncWebhookAdapter, "create_interaction_response", twice)
    channel, alice = stage.room()
    with speaking(language):
        reply = await ordered(channel, alice, photo)
        await until(lambda: results(channel), within_s=60)
        (result,) = results(channel)
        await shows(reply, result.jump_url)
        panel = await alice.slash(channel, "help")
        assert words.say("help.title") in text(panel.response)
        assert panel.followups == []
        form = await alice.slash(channel, "stylize")
        assert form.modal is not None
        assert (form.response, form.followups) == (None, [])
        wrong = await alice.slash(channel, "stylize", content=photo, preset="no such thing")
        assert await refusal(wrong) == words.refusals["preset_unknown"].format(
            preset="no such thing", hint=words.refusals["hint_list"]
        )
    assert len(channel.history()) == 2
    assert {getattr(error.original, "code", 0) for error in stage.env.errors} <= {10062, 40060}  # type: ignore[attr-defined]
