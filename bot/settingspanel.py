"""`/settings`: what a server can choose, on three pages of lists. Every choice is kept at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from bot.gallery import check_gallery
from bot.houserules import server_here, settings_here
from bot.i18n import LANGUAGES
from bot.ui.answers import answering, private_words
from bot.ui.cards import layout
from bot.ui.panels import PanelButton
from nst_core.errors import Unavailable
from nst_core.protocol import AVAILABLE_MODES

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from bot.client import GafuuBot
    from bot.config import Settings
    from bot.i18n import Words
    from bot.jobs.servers import ServerSettings

    Interaction = discord.Interaction[GafuuBot]

PAGES: Final = (
    ("mode", "size_px", "strength", "largest_px"),
    ("channels", "roles", "per_person", "per_server"),
    ("gallery_channel", "language", "remix", "spoiler"),
)
FIRST_NUMBER: Final = 101
USUAL: Final = "usual"
"""Choice of an option that leaves a setting to the bot."""
SIZES_PX: Final = (256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)
STRENGTHS: Final = tuple(range(10, 101, 10))
SERVER_CAPS: Final = (1, 2, 3, 5, 8, 10, 15, 20, 30, 50, 100)
MOST_OPTIONS: Final = 25
PLACES: Final = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.voice,
    discord.ChannelType.stage_voice,
    discord.ChannelType.forum,
]
WALLS: Final = [discord.ChannelType.text, discord.ChannelType.news]
NUMBERS: Final = frozenset({"size_px", "strength", "largest_px", "per_person", "per_server"})
STEEL: Final = 0x5B6770


class SettingSelect(ui.DynamicItem[ui.Item[Any]], template=r"gafuu-set:(?P<key>[a-z_]{1,32})"):
    """A list of what one setting can be."""

    def __init__(self, key: str, item: ui.Item[Any]) -> None:
        self.key = key
        super().__init__(item)

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],  # noqa: ARG003 - the base class calls it so
        item: ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> SettingSelect:
        """Return the list in which somebody chose."""
        return cls(match["key"], item)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Keep the choice and show the panel as it is now, or say why not."""
        data: Any = interaction.data
        await answering(interaction, choose(interaction, self.key, data["values"]))


async def show_settings(interaction: Interaction, page: int = 0) -> None:
    """Show a page of the panel to somebody who manages the server, alone.

    Raises:
        Unavailable: they do not, or this is no server.
    """
    check_manager(interaction)
    view = panel(interaction, min(page, len(PAGES) - 1))
    if interaction.type is discord.InteractionType.component:
        await interaction.response.edit_message(view=view)
    else:
        await interaction.response.send_message(view=view, ephemeral=True)


async def choose(interaction: Interaction, key: str, values: Sequence[str]) -> None:
    """Keep a choice.

    Raises:
        Unavailable: the person may not, or the bot could not post in the gallery that was chosen.
    """
    check_manager(interaction)
    chosen = _parsed(key, values)
    if key == "gallery_channel" and chosen is not None and interaction.guild is not None:
        channel = interaction.guild.get_channel_or_thread(int(str(chosen)))
        if channel is None:
            raise Unavailable("gallery_gone")
        check_gallery(interaction, channel)
    await interaction.client.servers.change(interaction.guild_id or 0, **{key: chosen})
    page = next(number for number, keys in enumerate(PAGES) if key in keys)
    await interaction.response.edit_message(view=panel(interaction, page))


def check_manager(interaction: Interaction) -> None:
    """Refuse whoever does not manage the server; Discord's own setting for the command can be changed.

    Raises:
        Unavailable: says who can.
    """
    if interaction.guild_id is None or not interaction.permissions.manage_guild:
        raise Unavailable("manage_needed")


def panel(interaction: Interaction, page: int) -> ui.LayoutView:
    """Return a page of the panel as things are now."""
    words, server = private_words(interaction), server_here(interaction)
    box: ui.Container[Any] = ui.Container(accent_colour=STEEL)
    box.add_item(ui.TextDisplay(words.say("settings.title")))
    for key in PAGES[page]:
        box.add_item(ui.TextDisplay(words.texts[f"setting.{key}"]))
        box.add_item(ui.ActionRow(SettingSelect(key, _list(interaction, key, server, words))))
    buttons = [
        PanelButton("settings", number, label=words.texts[f"settings_page.{number}"], disabled=number == page)
        for number in range(len(PAGES))
    ]
    return layout(box.add_item(ui.ActionRow(*buttons)))


def _list(interaction: Interaction, key: str, server: ServerSettings, words: Words) -> ui.Item[Any]:
    custom_id = f"gafuu-set:{key}"
    # Of each list one of its own: a list that takes the place and number of another one keeps its choice.
    number = FIRST_NUMBER + [each for keys in PAGES for each in keys].index(key)
    kind = discord.SelectDefaultValueType
    if key in {"channels", "gallery_channel"}:
        several = key == "channels"
        now = server.channels if several else tuple(filter(None, (server.gallery_channel,)))
        return ui.ChannelSelect(
            id=number,
            custom_id=custom_id,
            channel_types=PLACES if several else WALLS,
            placeholder=words.texts[f"setting_none.{key}"],
            min_values=0,
            max_values=MOST_OPTIONS if several else 1,
            default_values=[discord.SelectDefaultValue(id=each, type=kind.channel) for each in now],
        )
    if key == "roles":
        return ui.RoleSelect(
            id=number,
            custom_id=custom_id,
            placeholder=words.texts["setting_none.roles"],
            min_values=0,
            max_values=MOST_OPTIONS,
            default_values=[discord.SelectDefaultValue(id=each, type=kind.role) for each in server.roles],
        )
    now = getattr(server, key)
    chosen = USUAL if now is None else str(now)
    options = [
        discord.SelectOption(label=label, value=value, default=value == chosen)
        for value, label in _options(interaction, key, words)
    ]
    return ui.Select(id=number, custom_id=custom_id, options=options)


def _options(interaction: Interaction, key: str, words: Words) -> list[tuple[str, str]]:
    """Return what a setting can be: values and labels."""
    bot = interaction.client.settings
    if key in {"remix", "spoiler"}:
        choices = {"remix": ("everybody", "owner"), "spoiler": ("never", "elsewhere", "always")}[key]
        return [(choice, words.texts[f"setting_{key}.{choice}"]) for choice in choices]
    if key == "language":
        named = [(language, words.texts[f"setting_language.{language}"]) for language in LANGUAGES]
        return [(USUAL, words.say("settings.own_language")), *named]
    if key == "per_server":
        caps = [(str(cap), words.say("settings.pictures", count=cap)) for cap in SERVER_CAPS]
        return [(USUAL, words.say("settings.no_cap")), *caps]
    if key == "mode":
        modes = [(mode, words.name("mode", mode)) for mode in AVAILABLE_MODES]
        return [(USUAL, words.say("settings.usual", value=words.name("mode_name", bot.style.mode))), *modes]
    usual, numbers, unit = _numbers(key, bot, settings_here(interaction))
    named = [(str(number), words.say(unit, count=number)) for number in numbers]
    return [(USUAL, words.say("settings.usual", value=words.say(unit, count=usual))), *named]


def _numbers(key: str, bot: Settings, here: Settings) -> tuple[int, list[int], str]:
    """Return the bot's own number, those to choose from, and the text with their unit."""
    if key == "strength":
        return bot.style.strength, list(STRENGTHS), "settings.of_100"
    if key == "per_person":
        most = min(bot.limits.per_person, MOST_OPTIONS - 1)
        return bot.limits.per_person, list(range(1, most + 1)), "settings.pictures"
    if key == "largest_px":
        return bot.style.largest_px, [px for px in SIZES_PX if px <= bot.style.largest_px], "settings.pixels"
    return bot.style.long_side_px, [px for px in SIZES_PX if px <= here.style.largest_px], "settings.pixels"


def _parsed(key: str, values: Sequence[str]) -> object:
    """Return a choice as `ServerSettings` has it."""
    if key in {"channels", "roles"}:
        return tuple(map(int, values))
    if not values or values[0] == USUAL:
        return None
    return int(values[0]) if key in NUMBERS or key == "gallery_channel" else values[0]
