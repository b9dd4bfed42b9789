"""How the bot starts and ends, what it tells Discord about itself, and how it answers its own faults."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import discord
import pytest
from discord import app_commands
from staging.seen import refusal, says
from staging.stage import new_bot, opened, settings_for, speaking

from bot.client import create_bot
from bot.config import WorkersSection
from bot.i18n import words_in
from bot.jobs.store import JobStore
from nst_core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = "/applications/.*/commands"


async def test_no_privileged_intent_is_asked_for(tmp_path: Path) -> None:
    """The bot reads nobody's messages, members or presence."""
    bot = new_bot(tmp_path, small=True)
    assert {name for name, on in bot.intents if on} == {"guilds"}


async def test_commands_are_told_once(tmp_path: Path) -> None:
    """Discord hears of the commands at the first start, and again only when they change."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        assert len(stage.sent("PUT", COMMANDS)) == 1
        await stage.restart(new_bot(tmp_path, small=True))
        assert len(stage.sent("PUT", COMMANDS)) == 1
        changed = new_bot(tmp_path, small=True)
        changed.tree.add_command(boom())
        await stage.restart(changed)
        assert len(stage.sent("PUT", COMMANDS)) == 2


async def test_what_discord_is_told(tmp_path: Path) -> None:
    """Commands have English names and descriptions in both languages; /stylize works everywhere."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        (commands,) = stage.sent("PUT", COMMANDS)
    slash = {command["name"]: command for command in commands if command["type"] == 1}
    own = {"gallery", "help", "history", "party", "privacy", "queue", "settings", "styles", "stylize"}
    assert own <= slash.keys()
    for name, command in slash.items():
        assert command["name_localizations"] == {}
        for key in ("en-US", "en-GB", "ja"):
            words = words_in(key.partition("-")[0])
            assert command["description_localizations"][key] == words.say(f"command.{name}.description")
            for option in command["options"]:
                told = option["description_localizations"][key]
                assert told == words.say(f"option.{name}.{option['name']}")
                assert len(told) <= 100
    command = slash["stylize"]
    assert [option["name"] for option in command["options"]] == [
        *("content", "style", "preset", "strength", "mode"),
        *("keep_colors", "brush", "size", "second_style", "private"),
    ]
    assert not any(option["required"] for option in command["options"])
    assert command["contexts"] == [0, 1, 2]
    assert command["integration_types"] == [0, 1]


async def test_menus_are_told(tmp_path: Path) -> None:
    """Three menus on messages, whose names are what people see of them: these are in both languages."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        (commands,) = stage.sent("PUT", COMMANDS)
    menus = [each for each in commands if each["type"] == discord.AppCommandType.message.value]
    english, japanese = words_in("en"), words_in("ja")
    names = {each["name"]: each["name_localizations"]["ja"] for each in menus}
    keys = ("menu.stylize", "menu.content", "menu.style")
    assert names == {english.say(key): japanese.say(key) for key in keys}
    assert all(each["contexts"] == [0, 1, 2] for each in menus)
    assert all(each["integration_types"] == [0, 1] for each in menus)


async def test_commands_of_a_server_under_trial(tmp_path: Path) -> None:
    """With `dev_guild` the commands go to that server alone."""
    settings = settings_for(tmp_path)
    trial = settings.model_copy(update={"discord": settings.discord.model_copy(update={"dev_guild": 4711})})
    async with opened(new_bot(tmp_path, small=True)) as stage:
        bot = create_bot(trial, pool=new_bot(tmp_path, small=True).pool)
        stage.env.create_guild("Trial", id=4711)
        await stage.restart(bot)
        assert len(stage.sent("PUT", "/applications/.*/guilds/4711/commands")) == 1


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_fault_in_a_command_is_answered_and_logged(
    tmp_path: Path, language: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The person reads a fixed sentence with a number; under that number the log has the traceback."""
    bot = new_bot(tmp_path, small=True)
    bot.tree.add_command(boom())
    async with opened(bot) as stage:
        channel, alice = stage.room()
        with speaking(language):
            reply = await alice.slash(channel, "boom")
        sentence = await refusal(reply)
        assert [type(error.original) for error in stage.env.errors] == [ZeroDivisionError]  # type: ignore[attr-defined]
    assert says(sentence, words_in(language).texts["answer.fault"])
    (record,) = [record for record in caplog.records if record.name == "bot.ui.answers"]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.getMessage().rpartition("=")[2] in sentence


async def test_end_lets_go_of_everything(tmp_path: Path) -> None:
    """After `close` the store can be opened by another bot, and no worker is left."""
    bot = new_bot(tmp_path, small=True)
    async with opened(bot):
        with pytest.raises(ConfigError):
            await JobStore.open(tmp_path)
    store = await JobStore.open(tmp_path)
    await store.close()
    assert bot.is_closed()


async def test_start_that_fails_lets_go_of_what_it_had(tmp_path: Path) -> None:
    """A device that does not exist ends the start, and the store is free again."""
    settings = settings_for(tmp_path).model_copy(update={"workers": WorkersSection(devices="abacus")})
    bot = create_bot(settings)
    with pytest.raises(ConfigError):
        await bot.setup_hook()
    await bot.close()
    store = await JobStore.open(tmp_path)
    await store.close()


async def test_end_before_the_start_is_harmless(tmp_path: Path) -> None:
    """A bot that was never started can be closed."""
    await new_bot(tmp_path, small=True).close()


def boom() -> app_commands.Command[..., ..., None]:
    """Return a command with a bug."""

    @app_commands.command(name="boom", description="Fail")
    async def command(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("About to fail.")
        raise ZeroDivisionError

    return command
