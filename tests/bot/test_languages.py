"""One visit in each language: whoever tries everything the bot offers is answered in their language.

Nothing here is a list to be kept up: what was tried is noted while the bot is asked for it, and compared
with what the bot registers. A new command, option, menu, button, form or setting that no step of the visit
uses fails the test.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import discord
import pytest
from discord import AppCommandType, app_commands, ui
from staging.seen import buttons, gallery, offers, pieces, refusal, results, shows, text
from staging.stage import speaking

from bot import catalogue, menus
from bot.i18n import LANGUAGES, words_in
from bot.panels import turns
from bot.presses import actions
from bot.rehearsal.realtime import until
from bot.settingspanel import PAGES
from bot.ui import modals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simcord import MemberActor
    from simcord.builders import ChannelHandle, RoleHandle
    from simcord.results import InteractionResult
    from staging.stage import Stage

    from bot.client import GafuuBot
    from bot.i18n import Words

    Upload = tuple[str, bytes]

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
ENGLISH_SENTENCE = re.compile(r"(?:\b[a-z]{2,} ){3,}[a-z]{2,}")
LINK = re.compile(r"https?://\S+")
CHOICES = {"mode": "classic", "language": "usual", "remix": "owner", "spoiler": "always"}
"""Of settings that are no number and no channel."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


def everything(bot: GafuuBot) -> set[str]:
    """Return the names of all that people can use, as `Notes` writes them down."""
    found = {f"menu {menu.name}" for menu in bot.tree.get_commands(type=AppCommandType.message)}
    for command in bot.tree.get_commands(type=AppCommandType.chat_input):
        assert isinstance(command, app_commands.Command)
        found.add(f"/{command.name}")
        for option in command.parameters:
            found.add(f"/{command.name} {option.name}")
            if option.autocomplete:
                found.add(f"/{command.name} {option.name}…")
    found |= {f"JobButton {action}" for action in actions()}
    found |= {f"PanelButton {action}" for action in turns()}
    found |= {f"MenuButton {action}" for action in menus.menu_buttons() | catalogue.menu_buttons()}
    found |= {f"SettingSelect {key}" for keys in PAGES for key in keys}
    found |= {form.__name__ for form in vars(modals).values() if _is_form(form)}
    return found | {"ShowSelect"}


def _is_form(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, ui.Modal) and not thing.__name__.startswith("_")


def items() -> dict[str, re.Pattern[str]]:
    """Return the bot's buttons and lists, with what their custom ids look like."""
    known = [item for item in ui.DynamicItem.__subclasses__() if item.__module__.startswith("bot.")]
    return {item.__name__: item.__discord_ui_compiled_template__ for item in known}


def named(interaction: discord.Interaction[Any]) -> Iterator[str]:
    """Yield the names of what somebody used."""
    data: Any = interaction.data
    if "custom_id" in data:
        for name, template in items().items():
            if match := template.fullmatch(data["custom_id"]):
                yield " ".join([name, *match.groups()[:1]])
        return
    if data["type"] == AppCommandType.message.value:
        yield f"menu {data['name']}"
        return
    if interaction.type is discord.InteractionType.application_command:
        yield f"/{data['name']}"
    for option in data.get("options", []):
        yield f"/{data['name']} {option['name']}" + "…" * option.get("focused", False)


@contextlib.contextmanager
def noting(bot: GafuuBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Yield the set of what people use within the block."""
    used: set[str] = set()

    async def on_interaction(interaction: discord.Interaction[Any]) -> None:
        used.update(named(interaction))

    def told(form: type[ui.Modal]) -> None:
        stock = form.on_submit

        async def on_submit(self: Any, interaction: discord.Interaction[Any]) -> None:  # noqa: ANN401 - a form
            used.add(form.__name__)
            await stock(self, interaction)

        patch.setattr(form, "on_submit", on_submit)

    with monkeypatch.context() as patch:
        patch.setattr(bot, "on_interaction", on_interaction, raising=False)
        for form in filter(_is_form, vars(modals).values()):
            told(form)
        yield used


def in_language(shown: str, language: str) -> bool:
    """Tell whether a text is in this language, and no sentence of it in the other one."""
    if language == "ja":
        return bool(JAPANESE.search(shown)) and not ENGLISH_SENTENCE.search(LINK.sub("", shown))
    return not JAPANESE.search(shown)


def words_on(message: Any) -> str:  # noqa: ANN401 - discord.py's or simcord's message
    """Return every word of a message: texts, buttons, lists."""
    named = [str(piece.get(key, "")) for piece in pieces(message) for key in ("label", "placeholder")]
    options = [option["label"] for piece in pieces(message) for option in piece.get("options", [])]
    return "\n".join([text(message), *named, *options]).strip()


@dataclass
class Visit:
    """Somebody who manages the server and tries everything; each answer must be in their language."""

    channel: ChannelHandle
    wall: ChannelHandle
    role: RoleHandle
    who: MemberActor
    words: Words
    files: dict[str, Upload]
    posted: list[int] = field(default_factory=list)

    def check(self, shown: str) -> None:
        """See that a text is in the language."""
        assert in_language(shown, self.words.language), shown

    async def answered(self, reply: InteractionResult) -> InteractionResult:
        """Wait for an answer, whether message or form, and read it."""
        if reply.modal is not None:
            self.check(json.dumps(reply.modal, ensure_ascii=False))
            return reply

        def parts() -> list[str]:
            return [words_on(each) for each in (reply.response, *reply.followups) if each]

        await until(lambda: parts() and all(parts()))  # what is only deferred is empty
        for part in parts():
            self.check(part)
        return reply

    async def command(self, name: str, **options: object) -> InteractionResult:
        """Use a command."""
        return await self.answered(await self.who.slash(self.channel, name, **options))

    async def press(self, message: Any, custom_id: str) -> InteractionResult:  # noqa: ANN401 - as in `words_on`
        """Press a button."""
        (found,) = [each for each in buttons(message).values() if each.startswith(custom_id)]
        reply = await self.who.click(message, custom_id=found)
        await self.answered(reply)
        self.check(words_on(message))
        return reply

    async def result(self) -> discord.Message:
        """Wait for a result that was not there before, and read it."""
        await until(
            lambda: [each for each in results(self.channel) if each.id not in self.posted], within_s=60
        )
        (new,) = [each for each in results(self.channel) if each.id not in self.posted]
        self.posted.append(new.id)
        self.check("\n".join([words_on(new), *gallery(new).values()]))
        return new

    async def painted(self, reply: InteractionResult) -> discord.Message:
        """Wait until an order is done, and its card says so."""
        result = await self.result()
        await shows(reply, result.jump_url)
        self.check(words_on(reply.response))
        return result

    async def orders(self) -> discord.Message:
        """Order in every way a command offers; return a result."""
        options = {"strength": 60, "mode": "classic", "keep_colors": True, "brush": 90, "size": 64}
        pictures = dict.fromkeys(("style", "second_style"), self.files["texture"])
        order = {"content": self.files["photo"], **pictures, **options}
        private = await self.command("stylize", **order, private=True)
        await until(lambda: [each for each in private.followups if gallery(each)], within_s=60)
        self.check(words_on(private.followups[-1]))
        for command, option in (("stylize", "preset"), ("party", "style")):
            choices = await self.who.autocomplete(self.channel, command, option, "")
            self.check("\n".join(choice["name"] for choice in choices))
        form = await self.command("stylize")
        answers = {"content": self.files["photo"], "preset": ["kiss"], "strength": ["50"]}
        await self.painted(await self.who.submit_modal(form, answers))
        return await self.painted(await self.command("stylize", content=self.files["photo"], preset="scream"))

    async def under_way(self) -> None:
        """Stop one job, cancel one on its card and one from the queue."""
        order = {"content": self.files["photo"], "preset": "scream", "size": 128}
        stopped = await self.who.slash(self.channel, "stylize", **order)
        await offers(stopped, self.words.say("button.stop"))
        self.check(words_on(stopped.response))
        await self.press(stopped.response, "gafuu:stop:")
        await self.painted(stopped)
        for action in ("cancel", "drop"):
            card = await self.who.slash(self.channel, "stylize", **order)
            await offers(card, self.words.say("button.cancel"))
            panel = await self.command("queue")
            await self.press(panel.response if action == "drop" else card.response, f"gafuu:{action}:")
            await shows(card, self.words.say("card.cancelled", mention=f"<@{self.who.id}>"))
            await self.press(panel.response, "gafuu-panel:queue:")

    async def remixes(self, first: discord.Message) -> None:
        """Press every button of a result."""
        for action in ("again", "stronger", "gentler", "swap"):
            await self.painted(await self.press(first, f"gafuu:{action}:"))
        larger = await self.press(first, "gafuu:larger:")
        await offers(larger, self.words.say("button.cancel"))
        await self.press(larger.response, "gafuu:cancel:")
        form = await self.press(first, "gafuu:other:")
        other = await self.painted(await self.who.submit_modal(form, {"preset": ["great_wave"]}))
        self.check(await refusal(await self.press(first, "gafuu:details:")))
        for result in (first, other):
            await self.press(result, "gafuu:star:")
        page = await self.command("gallery")
        await self.press(page.response, "gafuu-panel:gallery:1")
        await self.press(other, "gafuu:delete:")

    async def menus(self) -> None:
        """Use the menus of a message, and paint what was kept."""
        message = await self.who.send(self.channel, "", attachments=[self.files["photo"]])
        say = words_in("en").say  # simcord knows commands by their English names
        for half in ("style", "content"):
            kept = await self.answered(
                await self.who.context_menu(self.channel, say(f"menu.{half}"), message)
            )
        await self.painted(await self.press(kept.response, "gafuu.go"))
        form = await self.answered(await self.who.context_menu(self.channel, say("menu.stylize"), message))
        await self.painted(await self.who.submit_modal(form, {"preset": ["kiss"]}))

    async def paintings(self) -> None:
        """Leaf through the paintings, use one, add one, remove it."""
        page = await self.command("styles")
        await self.press(page.response, "gafuu.page:1")
        uses = [each for each in buttons(page.response).values() if each.startswith("gafuu.use:")]
        form = await self.answered(await self.who.click(page.response, custom_id=uses[0]))
        await self.painted(await self.who.submit_modal(form, {"content": self.files["photo"]}))
        form = await self.press(page.response, "gafuu.add")
        answers = {"picture": self.files["texture"], "title": "Stripes", "licence": "CC0"}
        await self.answered(await self.who.submit_modal(form, answers))
        page = await self.command("styles")
        form = await self.press(page.response, "gafuu.remove")
        await self.answered(await self.who.submit_modal(form, {"own": ["own:Stripes"]}))

    async def settings(self) -> None:
        """Choose something of every setting."""
        chosen = {"roles": self.role, "channels": self.channel, "gallery_channel": self.wall, **CHOICES}
        panel = await self.command("settings")
        for number, keys in enumerate(PAGES):
            if number:
                await self.press(panel.response, f"gafuu-panel:settings:{number}")
            for key in keys:
                await self.who.select(
                    panel.response, [chosen.get(key, "usual")], custom_id=f"gafuu-set:{key}"
                )
                self.check(words_on(panel.response))
        await self.press(panel.response, "gafuu-panel:settings:0")

    async def own_things(self) -> None:
        """Read help and history, export and erase."""
        await self.command("help")
        page = await self.command("history")
        await self.press(page.response, "gafuu-panel:history:1")
        await self.press(page.response, "gafuu-panel:history:0")
        (menu,) = [piece for piece in pieces(page.response) if piece.get("custom_id") == "gafuu-show"]
        value = menu["options"][0]["value"]
        await self.answered(await self.who.select(page.response, [value], custom_id="gafuu-show"))
        panel = await self.command("privacy")
        await self.press(panel.response, "gafuu-panel:export:")
        await self.press(panel.response, "gafuu-panel:erase:")
        await self.press(panel.response, "gafuu-panel:privacy:")
        await self.press(panel.response, "gafuu-panel:erase:")
        await self.press(panel.response, "gafuu-panel:eraseall:")
        await until(lambda: text(panel.response) == self.words.say("privacy.erased"), within_s=60)

    async def party(self) -> None:
        """Open a party and end it."""
        await self.command("party", style="scream", minutes=30)
        await until(lambda: self.channel.threads and self.channel.threads[-1].history())
        thread = self.channel.threads[-1]
        welcome = next(message for message in thread.history() if buttons(message))
        self.check(words_on(welcome))
        await self.press(welcome, "gafuu:partyend:")
        await until(lambda: self.words.say("party.nobody") in "".join(map(text, thread.history())))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_everything_answers_in_the_language(
    stage: Stage, photo: Upload, texture: Upload, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command with every option, menu, button, form, list and setting of the bot."""
    server = stage.elsewhere()
    (channel, _), (wall, _) = server.room(), server.room()
    who, role = server.person("visitor", manage_guild=True), server.guild.roles["visitor"]
    files = {"photo": photo, "texture": texture}
    visit = Visit(channel, wall, role, who, words_in(language), files)
    with speaking(language), noting(stage.bot, monkeypatch) as used:
        await visit.settings()
        kept = stage.bot.servers.of(server.guild.id)
        assert {key: getattr(kept, key) for key in CHOICES} == CHOICES | {"language": None}
        assert (kept.channels, kept.roles, kept.gallery_channel) == ((channel.id,), (role.id,), wall.id)
        first = await visit.orders()
        await visit.remixes(first)
        await visit.under_way()
        await visit.paintings()
        await visit.menus()
        await visit.party()
        await visit.own_things()
    assert used == everything(stage.bot)
    assert {name.split()[0] for name in used} >= items().keys()
