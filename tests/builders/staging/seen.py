"""What people see: texts, pictures and buttons of messages, whichever components hold them."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import discord
from PIL import Image

from bot.rehearsal.realtime import until

if TYPE_CHECKING:
    from simcord.builders import ChannelHandle
    from simcord.results import InteractionResult, ResponseMessage

    Message = discord.Message | ResponseMessage

TEXT_DISPLAY, MEDIA_GALLERY, BUTTON = 10, 12, 2


def pieces(message: Message) -> list[dict[str, Any]]:
    """Return every component of a message."""
    level: list[Any] = message.components
    if isinstance(message, discord.Message):
        level = [component.to_dict() for component in message.components]
    found: list[dict[str, Any]] = []
    while level:
        found += level
        level = [child for component in level for child in _inside(component)]
    return found


def _inside(component: dict[str, Any]) -> list[dict[str, Any]]:
    accessory = [component["accessory"]] if component.get("accessory") else []
    return [*component.get("components", []), *accessory]


def fields(reply: InteractionResult) -> dict[str, dict[str, Any]]:
    """Return what a form asks for, by the names of its fields."""
    parts = (reply.modal or {}).get("components", [])
    return {part["component"]["custom_id"]: part for part in parts if "component" in part}


def text(message: Message | None) -> str:
    """Return what a message says; "" if it is gone."""
    if message is None:
        return ""
    shown = [piece["content"] for piece in pieces(message) if piece["type"] == TEXT_DISPLAY]
    return "\n".join([message.content, *shown]).strip()


def gallery(message: Message) -> dict[str, str]:
    """Return the alt text of each picture of a message by its file's name, in the order shown."""
    items = [item for piece in pieces(message) if piece["type"] == MEDIA_GALLERY for item in piece["items"]]
    return {item["media"]["url"].rpartition("/")[2]: item["description"] for item in items}


def buttons(message: Message | None) -> dict[str, str]:
    """Return what the buttons of a message do, by their labels."""
    if message is None:
        return {}
    return {piece["label"]: piece["custom_id"] for piece in pieces(message) if piece["type"] == BUTTON}


async def offers(reply: InteractionResult, label: str) -> None:
    """Wait until a command's card has a button; at first it is only fetching pictures."""
    await until(lambda: label in buttons(reply.response), within_s=90)


def job_of(reply: InteractionResult) -> str:
    """Return the id of the job whose card answers a command."""
    return next(iter(buttons(reply.response).values())).rpartition(":")[2]


def results(channel: ChannelHandle) -> list[discord.Message]:
    """Return the results posted in a channel."""
    return [message for message in channel.history() if any("pastiche" in name for name in gallery(message))]


async def result_in(channel: ChannelHandle, *, within_s: float = 90) -> discord.Message:
    """Return the first result of a channel, waiting for it."""
    await until(lambda: results(channel), within_s=within_s)
    return results(channel)[0]


async def pictures_of(message: discord.Message) -> dict[str, Image.Image]:
    """Return a message's attachments, decoded, by their names."""
    data = {attachment.filename: await attachment.read() for attachment in message.attachments}
    return {name: Image.open(io.BytesIO(each)) for name, each in data.items()}


async def told(reply: InteractionResult) -> ResponseMessage:
    """Return the private answer to an interaction, waiting for it; nothing else of the answer may stay."""

    def answers() -> list[ResponseMessage]:
        return [message for message in (reply.response, *reply.followups) if message is not None]

    await until(lambda: [message.ephemeral for message in answers()] == [True] and text(answers()[0]))
    return answers()[0]


async def shows(reply: InteractionResult, words: str, *, within_s: float = 60) -> None:
    """Wait until the answer to a command says something."""
    await until(lambda: words in text(reply.response), within_s=within_s)


async def runs(reply: InteractionResult) -> str:
    """Wait until a job's card shows a step; return the job's id."""
    await until(lambda: "Stop here" in buttons(reply.response) and gallery_of(reply), within_s=90)
    return job_of(reply)


def gallery_of(reply: InteractionResult) -> dict[str, str]:
    """Return the pictures on the card that answers a command."""
    return gallery(reply.response) if reply.response else {}


async def refusal(reply: InteractionResult) -> str:
    """Return the one ephemeral sentence that an interaction is answered with, waiting for it.

    Nothing else of the answer may stay.
    """

    def answers() -> list[ResponseMessage]:
        return [message for message in (reply.response, *reply.followups) if message is not None]

    await until(lambda: [message.ephemeral for message in answers()] == [True], within_s=90)
    return answers()[0].content


def says(sentence: str, template: str) -> bool:
    """Tell whether a sentence is this one with its placeholders filled in."""
    return re.fullmatch(re.sub(r"\\\{\w+\\\}", ".+", re.escape(template)), sentence) is not None
