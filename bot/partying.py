"""`/party`: who may open one, what is painted in it, and who ends it. `bot.parties` sees it through."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import TYPE_CHECKING, Final

import discord

from bot.houserules import check_permissions, check_place, is_moderator
from bot.jobs.parties import Party
from bot.ui import partycards
from bot.ui.answers import answer_privately, private_words, public_words
from bot.ui.cards import preset_label
from bot.ui.posting import refusal_of
from nst_core import presets
from nst_core.errors import BadParameter, Unavailable

if TYPE_CHECKING:
    from bot.client import GafuuBot
    from bot.gathering import Gathered
    from bot.i18n import Words

    Interaction = discord.Interaction[GafuuBot]

log: Final = logging.getLogger(__name__)
NEEDED: Final = ("send_messages_in_threads", "create_public_threads", "add_reactions")
USUAL_MINUTES: Final = 30
MINUTES: Final = (5, 1440)
VOTE_S: Final = 600.0
ARCHIVE_AFTER_MIN: Final = 1440


def at_party(interaction: Interaction, gathered: Gathered) -> Gathered:
    """Return an order as it is at a party, in whose style everything is painted; elsewhere as it was.

    Raises:
        Unavailable: the party takes no more pictures.
        BadParameter: another style was asked for.
    """
    party = interaction.client.parties.of(interaction.channel_id)
    if party is None:
        return gathered
    if party.state != "open":
        raise Unavailable("party_closed")
    asked = (gathered.preset or "").strip()
    has_upload = gathered.style is not None or bool(gathered.other_styles)
    if has_upload or (asked and preset_called(interaction, asked) != party.preset):
        style = preset_label(party.preset, private_words(interaction))
        raise BadParameter("party_style", style=style)
    return dataclasses.replace(gathered, preset=party.preset)


def preset_called(interaction: Interaction, name: str) -> str:
    """Return what stands for a painting in jobs: one of the server's own or of the collection.

    Raises:
        BadParameter: there is none of this name.
    """
    own = interaction.client.own_presets.find(interaction.guild_id, name)
    return own.ref if own else presets.find(name).id


async def open_party(interaction: Interaction, style: str, minutes: int | None) -> None:
    """Open a thread for a party, and let it go on until its end.

    Raises:
        UserError: why not here, or not like this.
    """
    minutes = _minutes(minutes)
    preset = preset_called(interaction, style)
    channel = _channel(interaction)
    check_place(interaction)
    check_permissions(interaction, *NEEDED)
    words = public_words(interaction)
    post = partycards.invitation(preset, interaction.user.id, words)
    answer = await interaction.response.send_message(view=post.view)
    if answer.message_id is None:
        raise Unavailable("party_refused")
    thread = await _thread(channel.get_partial_message(answer.message_id), preset, words)
    party = Party(
        thread_id=thread.id,
        guild_id=channel.guild.id,
        channel_id=channel.id,
        host_id=interaction.user.id,
        preset=preset,
        language=words.language,
        ends_at=time.time() + minutes * 60,
        vote_s=min(VOTE_S, minutes * 60.0),
    )
    await interaction.client.parties.add(party)
    interaction.client.host.accompany(party)
    await thread.send(view=partycards.welcome(party, words).view)
    log.info("party_opened thread=%s minutes=%d preset=%s", thread.id, minutes, preset)


async def end_party(interaction: Interaction, thread_id: str) -> None:
    """End what goes on in a party now: the painting, then the vote. For its host and moderators."""
    bot, words = interaction.client, private_words(interaction)
    party = bot.parties.of(int(thread_id))
    if party is None or party.state == "closing":
        await answer_privately(interaction, words.say("party.ending" if party else "party.over"))
        return
    if interaction.user.id != party.host_id and not is_moderator(interaction):
        await answer_privately(interaction, words.say("party.not_host"))
        return
    # A press under the welcome, while the vote goes on below it, was not meant for the vote.
    on_ballot = interaction.message is not None and interaction.message.id == party.vote_message_id
    if party.state == "voting" and not on_ballot:
        await answer_privately(interaction, words.say("party.ending"))
        return
    bot.host.end_now(party.thread_id)
    await answer_privately(interaction, words.say("party.ended"))


def _minutes(asked: int | None) -> int:
    least, most = MINUTES
    minutes = USUAL_MINUTES if asked is None else asked
    if not least <= minutes <= most:
        raise BadParameter("out_of_range", name="minutes", value=minutes, least=least, most=most)
    return minutes


def _channel(interaction: Interaction) -> discord.TextChannel:
    channel = interaction.channel
    if not isinstance(channel, discord.TextChannel):
        raise Unavailable("party_place")
    return channel


async def _thread(message: discord.PartialMessage, preset: str, words: Words) -> discord.Thread:
    name = partycards.thread_name(preset, words)
    try:
        return await message.create_thread(name=name, auto_archive_duration=ARCHIVE_AFTER_MIN)
    except discord.HTTPException as error:
        if refusal_of(error) == "for_a_moment":
            raise
        log.info("party_refused error=%r", error)
        raise Unavailable("party_refused") from error
