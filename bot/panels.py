"""What the buttons of private panels do, by the action in their custom id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot import gallery, history, privacy, queueing, settingspanel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import discord

    from bot.client import GafuuBot

    Turn = Callable[[discord.Interaction[GafuuBot], int], Awaitable[None]]


def turns() -> dict[str, Turn]:
    """Return what each button does with its number."""
    return {
        "gallery": gallery.show_gallery,
        "history": history.show_history,
        "queue": queueing.show_queue,
        "settings": settingspanel.show_settings,
        "privacy": privacy.show_privacy,
        "export": privacy.export,
        "erase": privacy.ask_to_erase,
        "eraseall": privacy.erase,
    }
