"""The Discord client: its parts, in the order in which they start and end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

import discord

from bot import catalogue, menus
from bot.commands.tree import GafuuTree
from bot.gallery import Gallery
from bot.history import ShowSelect
from bot.i18n import LANGUAGES, words_in
from bot.jobs.delivery import Delivery
from bot.jobs.fetching import FetchingCards
from bot.jobs.kept import KeptPictures
from bot.jobs.own_presets import OwnPresets
from bot.jobs.parties import Parties
from bot.jobs.personal import PersonalData
from bot.jobs.personal_sources import personal_sources
from bot.jobs.servers import Servers
from bot.jobs.service import JobService
from bot.jobs.stars import Stars
from bot.jobs.store import JobStore
from bot.jobs.tasks import TaskSet
from bot.metrics import Metrics
from bot.panels import turns
from bot.parties import PartyHost
from bot.pool.choice import pool_of
from bot.presses import actions
from bot.settingspanel import SettingSelect
from bot.ui.buttons import JobButton, MenuButton
from bot.ui.panels import PanelButton
from bot.ui.posting import PATIENCE_S
from nst_core import presets

if TYPE_CHECKING:
    from bot.config import Settings
    from bot.pool.base import Pool

log: Final = logging.getLogger(__name__)
INTENTS: Final = discord.Intents(guilds=True)
"""Commands and buttons come without any; servers, their channels and roles are needed for what is allowed
where. None of them is privileged."""
DAY_S: Final = 86400.0
SWEEP_EVERY_S: Final = 3600.0
SWEEPS_IN_A_KEEP: Final = 4
"""So often pictures are looked for in the time that they are kept, where that is short."""


class GafuuBot(discord.Client):
    """One bot: it takes no token, so that Discord and the rehearsal run one and the same.

    `setup_hook` starts everything, `close` ends everything, in the opposite order.

    Attributes:
        settings: as given.
        tree: its commands.
        pool: where pictures are painted.
        metrics: what is counted.
        store: what it must not forget; from `setup_hook` on.
        service: its jobs; from `setup_hook` on.
        delivery: shows jobs on their cards and posts their results; from `setup_hook` on.
        kept: pictures that people keep for their next one; from `setup_hook` on.
        own_presets: paintings that servers added; from `setup_hook` on.
        fetching: cards without a job yet; from `setup_hook` on.
        servers, stars, parties, personal: what else the store keeps; from `setup_hook` on.
        gallery: sees to it that no picture hangs twice.
        host: sees parties through; from `setup_hook` on.
        chores: tasks that outlive the press that began them.
    """

    store: JobStore
    kept: KeptPictures
    own_presets: OwnPresets
    fetching: FetchingCards
    servers: Servers
    stars: Stars
    parties: Parties
    personal: PersonalData
    host: PartyHost
    service: JobService
    delivery: Delivery

    def __init__(self, settings: Settings, *, pool: Pool, patience_s: tuple[float, ...]) -> None:
        metrics = Metrics(pool.slots)
        super().__init__(
            intents=INTENTS,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            http_trace=metrics.trace(),
        )
        self.settings = settings
        self.pool = pool
        self.metrics = metrics
        self.tree = GafuuTree(self)
        self.gallery = Gallery()
        self.chores = TaskSet()
        self._patience_s = patience_s
        self._running = contextlib.AsyncExitStack()

    async def setup_hook(self) -> None:
        """Start everything; called once, after the login and before the first event.

        Raises:
            ConfigError: the store or the devices cannot be used.
        """
        await asyncio.to_thread(_read_texts)
        self.store = await JobStore.open(self.settings.data)
        self._running.push_async_callback(self.store.close)
        await self._read_store()
        await self.pool.start()
        self._running.push_async_callback(self.pool.close)
        await self._start_jobs()
        self.add_dynamic_items(JobButton, MenuButton, PanelButton, SettingSelect, ShowSelect)
        await self.tree.tell_discord(self.store, dev_guild=self.settings.discord.dev_guild)

    async def close(self) -> None:
        """End everything; what is queued or being painted goes on after the next start."""
        try:
            await self._running.aclose()
        finally:
            await super().close()

    async def press(self, interaction: discord.Interaction[GafuuBot], action: str, job_id: str) -> None:
        """Do what a button stands for.

        Raises:
            UserError: why it cannot be done, and what to do.
        """
        await actions()[action](interaction, job_id)

    async def use_menu(self, interaction: discord.Interaction[GafuuBot], action: str, value: str) -> None:
        """Do what a button stands for that belongs to no job.

        Raises:
            UserError: why it cannot be done, and what to do.
        """
        await (menus.menu_buttons() | catalogue.menu_buttons())[action](interaction, value)

    async def turn(self, interaction: discord.Interaction[GafuuBot], action: str, number: int) -> None:
        """Do what a button of a private panel stands for.

        Raises:
            UserError: why it cannot be done, and what to do.
        """
        await turns()[action](interaction, number)

    async def _read_store(self) -> None:
        self.kept, self.fetching = KeptPictures(self.store), FetchingCards(self.store)
        self.own_presets, self.servers = OwnPresets(self.store), Servers(self.store)
        self.stars, self.parties = Stars(self.store), Parties(self.store)
        self.personal = PersonalData(self.store, sources=personal_sources(self.store))
        for table in (self.own_presets, self.servers, self.parties):
            await table.load()

    async def _end_chores(self) -> None:
        await self.chores.end()

    async def _start_jobs(self) -> None:
        limits, discord_settings, keep = self.settings.limits, self.settings.discord, self.settings.store
        self.service = JobService(
            store=self.store,
            pool=self.pool,
            queue_limit=limits.queue,
            per_person=limits.per_person,
            inputs_s=keep.inputs_days * DAY_S,
            results_s=keep.results_days * DAY_S,
            sweep_every_s=min(
                SWEEP_EVERY_S, min(keep.inputs_days, keep.results_days) * DAY_S / SWEEPS_IN_A_KEEP
            ),
            saw=self.metrics.saw,
        )
        self.metrics.views = self.service.views
        self.delivery = Delivery(
            self, self.service, edit_every_s=discord_settings.edit_every_s, patience_s=self._patience_s
        )
        await self.service.start()
        self._running.push_async_callback(self.delivery.close)
        self._running.push_async_callback(self.service.close, drain_s=self.settings.workers.drain_s)
        for job in await self.service.recover():
            self.delivery.follow(job, card_message_id=job.card_message_id)
            log.info("job_recovered job=%s state=%s", job.id, job.state)
        self.host = PartyHost(self, patience_s=self._patience_s)
        self._running.push_async_callback(self.host.close)
        self._running.push_async_callback(self._end_chores)
        self.host.start()
        self.chores.own(self.delivery.mend(self.fetching), name="mender")


def create_bot(
    settings: Settings, *, pool: Pool | None = None, patience_s: tuple[float, ...] = PATIENCE_S
) -> GafuuBot:
    """Return a bot that has not started.

    Args:
        settings: everything it needs to know, but for the token.
        pool: where to paint; None for what the settings ask for.
        patience_s: the pauses between attempts at posting a result.
    """
    return GafuuBot(settings, pool=pool or pool_of(settings), patience_s=patience_s)


def _read_texts() -> None:
    """Read languages and paintings now, so that no interaction waits for a disk."""
    presets.all_presets()
    for language in LANGUAGES:
        words_in(language)
