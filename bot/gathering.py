"""What somebody has put together for their next picture, and where its bytes come from.

Bytes come through `attachment.read()`, from the store, or from the collection's own files; never from an
address that somebody posted.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import discord

from bot.intake import Upload, Wishes, check_bytes
from bot.jobs.disk import BlobGone
from bot.jobs.kept import KeptPicture
from bot.jobs.model import StyleSource
from bot.jobs.own_presets import OwnPreset
from nst_core import presets
from nst_core.errors import BadParameter, Unavailable

if TYPE_CHECKING:
    from bot.client import GafuuBot
    from bot.config import LimitsSection
    from nst_core.presets import Preset

    Picture = discord.Attachment | KeptPicture
    Interaction = discord.Interaction[GafuuBot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Pictures and options, as far as they have been chosen; None where nothing was."""

    content: Picture | None = None
    style: Picture | None = None
    other_styles: tuple[discord.Attachment, ...] = ()
    """Mixed with the first in equal parts."""
    preset: str | None = None
    strength: int | None = None
    mode: str | None = None
    brush: int | None = None
    size: int | None = None
    keep_colors: bool | None = None
    private: bool = False

    @property
    def lacks_style(self) -> bool:
        """Whether there is neither a style picture nor a preset."""
        return self.style is None and not (self.preset or "").strip()


async def with_kept(interaction: Interaction, gathered: Gathered) -> Gathered:
    """Fill gaps with what the person keeps; what they chose just now comes first."""
    if gathered.content is not None and not gathered.lacks_style:
        return gathered
    kept = await interaction.client.kept.of(interaction.user.id)
    return replace(
        gathered,
        content=gathered.content or kept.get("content"),
        style=kept.get("style") if gathered.lacks_style else gathered.style,
    )


def wishes_of(interaction: Interaction, gathered: Gathered) -> Wishes:
    """Return what is to be checked before any byte is fetched.

    Raises:
        BadParameter: it names a painting that the server has removed.
    """
    style = gathered.style
    own = None
    if gathered.preset:
        own = interaction.client.own_presets.find(interaction.guild_id, gathered.preset)
    return Wishes(
        content=facts(gathered.content) if isinstance(gathered.content, discord.Attachment) else None,
        style=facts(style) if isinstance(style, discord.Attachment) else None,
        other_styles=tuple(map(facts, gathered.other_styles)),
        kept_style=isinstance(style, KeptPicture),
        preset=own or gathered.preset,
        strength=gathered.strength,
        mode=gathered.mode,
        brush=gathered.brush,
        size=gathered.size,
        keep_colors=gathered.keep_colors,
    )


def facts(attachment: discord.Attachment) -> Upload:
    """Return what Discord tells of an attachment."""
    return Upload(
        filename=attachment.filename,
        size_bytes=attachment.size,
        content_type=attachment.content_type,
        width_px=attachment.width,
        height_px=attachment.height,
    )


async def read_content(bot: GafuuBot, gathered: Gathered) -> bytes:
    """Fetch the content picture.

    Raises:
        Unavailable: Discord or the store no longer has it.
        BadImage: it is no picture.
    """
    if gathered.content is None:
        raise BadParameter("content_missing")
    return await _read_picture(bot, gathered.content, "content")


async def read_styles(
    bot: GafuuBot, gathered: Gathered, preset: Preset | OwnPreset | None
) -> tuple[StyleSource, ...]:
    """Fetch the styles, each with the same weight.

    Args:
        bot: knows the limits and what is kept.
        gathered: the style pictures.
        preset: comes first.

    Raises:
        Unavailable: Discord or the store no longer has one of them, or a painting cannot be downloaded.
        BadImage: one is no picture.
    """
    styles = [await read_preset(bot, preset)] if preset is not None else []
    if gathered.style is not None:
        styles.append(StyleSource(image=await _read_picture(bot, gathered.style, "style")))
    images = [await _read_picture(bot, other, "second_style") for other in gathered.other_styles]
    styles += [StyleSource(image=image) for image in images]
    if not styles:
        raise BadParameter("style_missing")
    return tuple(styles)


async def read_preset(bot: GafuuBot, preset: Preset | OwnPreset) -> StyleSource:
    """Read a painting's file; the first use of some is a download, hence the thread.

    Raises:
        Unavailable: it cannot be downloaded, or the store no longer has it.
    """
    if isinstance(preset, OwnPreset):
        return StyleSource(image=await _read_blob(bot, preset.blob, "style"), preset=preset.ref)
    return StyleSource(image=await asyncio.to_thread(presets.read, preset), preset=preset.id)


async def read_upload(attachment: discord.Attachment, role: str, limits: LimitsSection) -> bytes:
    """Fetch an attachment.

    Raises:
        Unavailable: Discord no longer has it, or does not answer.
        BadImage: it is no picture.
    """
    try:
        data = await attachment.read()
    except discord.HTTPException as error:
        raise Unavailable("upload_lost", role=role) from error
    check_bytes(data, role=role, limits=limits)
    return data


async def _read_picture(bot: GafuuBot, picture: Picture, role: str) -> bytes:
    if isinstance(picture, KeptPicture):
        return await _read_blob(bot, picture.blob, role)
    return await read_upload(picture, role, bot.settings.limits)


async def _read_blob(bot: GafuuBot, blob: str, role: str) -> bytes:
    try:
        return await bot.store.read_blob(blob)
    except BlobGone as gone:
        raise Unavailable("upload_lost", role=role) from gone
