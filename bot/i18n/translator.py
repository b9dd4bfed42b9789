"""Descriptions of commands, options and choices in the languages of Discord's own interface."""

from __future__ import annotations

from typing import Final

import discord
from discord import app_commands

from bot.i18n import DEFAULT_LANGUAGE, words_in

LANGUAGE_OF_LOCALE: Final = {
    discord.Locale.american_english: "en",
    discord.Locale.british_english: "en",
    discord.Locale.japanese: "ja",
}
"""Both kinds of English stand here, because Discord falls back from one to the other."""


def spoken(key: str) -> app_commands.locale_str:
    """Return a text for `app_commands` that `CommandTranslator` finds again by its key."""
    return app_commands.locale_str(words_in(DEFAULT_LANGUAGE).say(key), key=key)


class CommandTranslator(app_commands.Translator):
    """Translates what was made by `spoken`; names of commands and options stay English."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,  # noqa: ARG002 - the base class names it
    ) -> str | None:
        """Return the text in this language, or None where it has no words of ours."""
        key, language = string.extras.get("key"), LANGUAGE_OF_LOCALE.get(locale)
        return None if key is None or language is None else words_in(language).say(key)
