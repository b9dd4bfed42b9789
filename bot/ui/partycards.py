"""How a party looks: pure functions from a party and its pictures to messages."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from bot.ui.buttons import JobButton
from bot.ui.cards import Picture, Post, gallery, layout, mention_of, preset_label
from bot.ui.links import message_link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.i18n import Words
    from bot.jobs.model import JobRecord
    from bot.jobs.parties import Party

MOST_ENTRIES: Final = 20
"""Different reactions that Discord allows under one message."""
VOTES: Final = tuple(chr(0x1F1E6 + number) for number in range(MOST_ENTRIES))
"""🇦, 🇧, 🇨 …"""
_FESTIVE: Final = 0x8E4585
MOST_THREAD_LETTERS: Final = 100


def invitation(preset: str, host_id: int, words: Words) -> Post:
    """Return the message from which the thread hangs."""
    text = words.say("party.invitation", mention=f"<@{host_id}>", style=preset_label(preset, words))
    return Post(view=layout(_box(text)))


def thread_name(preset: str, words: Words) -> str:
    """Return what the thread is called."""
    return words.say("party.thread", style=preset_label(preset, words))[:MOST_THREAD_LETTERS]


def welcome(party: Party, words: Words) -> Post:
    """Return the first message in the thread, with the host's button."""
    style = preset_label(party.preset, words)
    box = _box(words.say("party.welcome", style=style, when=f"<t:{round(party.ends_at)}:R>"))
    return Post(view=layout(_with_end(box, party, "button.partyend", words)))


def nobody_came(words: Words) -> Post:
    """Return the end of a party without pictures."""
    return Post(view=layout(_box(words.say("party.nobody"))))


def ballot(party: Party, entries: Sequence[JobRecord], sheet: bytes | None, words: Words) -> Post:
    """Return the message to vote under.

    Args:
        party: whose deadline is that of the vote.
        entries: in the order of their letters.
        sheet: all of them in one picture, a JPEG; None if it could not be drawn.
        words: the party's language.
    """
    when = f"<t:{round(party.deadline)}:R>"
    lines = [words.say("party.vote", style=preset_label(party.preset, words), when=when)]
    lines += [_entry(VOTES[number], job, words) for number, job in enumerate(entries)]
    box, pictures = _box("\n".join(lines)), []
    if sheet is not None:
        alt = words.say("party.sheet_alt", letters=", ".join(string.ascii_uppercase[: len(entries)]))
        pictures = [Picture(name="contact-sheet.jpg", data=sheet, alt=alt)]
        box.add_item(gallery(pictures, spoiler=any(job.spoiler for job in entries)))
    return Post(view=layout(_with_end(box, party, "button.partycount", words)), pictures=tuple(pictures))


def verdict(
    winners: Sequence[tuple[str, JobRecord]], votes: int, pictures: Sequence[Picture], words: Words
) -> Post:
    """Return the end of a vote.

    Args:
        winners: with their letters; several that have equally many votes, none if nobody voted.
        votes: how many each of them has.
        pictures: theirs, as far as they are kept and there is room.
        words: the party's language.
    """
    if not winners:
        return Post(view=layout(_box(words.say("party.no_votes"))))
    key = "party.winner" if len(winners) == 1 else "party.winners"
    lines = [words.say(key, votes=votes)]
    lines += [_entry(letter, job, words) for letter, job in winners]
    box = _box("\n".join(lines))
    if pictures:
        box.add_item(gallery(pictures, spoiler=any(job.spoiler for _, job in winners)))
    return Post(view=layout(box), pictures=tuple(pictures))


def _entry(letter: str, job: JobRecord, words: Words) -> str:
    link = message_link(job, job.result_message_id or 0)
    return words.say("party.entry", letter=letter, mention=mention_of(job), link=link)


def _box(text: str) -> ui.Container[Any]:
    return ui.Container(ui.TextDisplay(text), accent_colour=_FESTIVE)


def _with_end(box: ui.Container[Any], party: Party, label: str, words: Words) -> ui.Container[Any]:
    button = JobButton("partyend", str(party.thread_id), label=words.say(label))
    button.item.style = discord.ButtonStyle.primary
    return box.add_item(ui.ActionRow(button))
