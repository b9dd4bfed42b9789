"""simcord 3.2.1 in real time: the same simulated Discord, on the wall clock.

Stock simcord freezes time and lets a person act only once the bot has come to rest. A bot whose
workers paint for a minute never rests, and its progress is the point. Here timers fire when they
are due and a person's act returns once the bot has answered it.

Everything private of simcord that this project uses is named in this file, and only here:

=====================================  ==========================================================
`Env._schedule_timer`                  stock timers jump to their time only while the bot rests
`Env._settle_internal`                 stock acts wait for the end of all work; here for the answer
`Env._notify_dispatch_observers`       the only place that knows which interaction was just sent
`Env._record_error`                    stock counts a mistake the bot answers as an error of the bot
`Env._raise_errors_since`, …           stock's own end raises only what no test has looked at
`Env._bot_scope`                       `close()` must run as the bot's own work, like `setup_hook`
`Env._runtime`                         the loop's real `call_at`, for the timers
`Env._work.callbacks`                  its list of timers, which only stock settling prunes
`Env._preview`                         stock lets an `Env` have one page; here one for each channel
`_clock.Clock`                         the base of the wall clock below
`_dpy_internals.real_monotonic`        `time.monotonic` itself is replaced while an `Env` runs
`Preview._action`                      stock refuses a click if the page changed under the hand
`Preview._get_page`                    the page whose revision that is
`Preview._advance_presentation_time`   stock shows the time at which the page was opened
`Preview._publish_message_pages`       stock shows news only after an act of the viewer's
`_Page.modal`, `.modal_handle`         stock's page has no menus on messages, which open dialogs
`Preview._prepare_asset`,              stock starts a process per picture to decode it, for which a
`_authorized_asset`                    machine that is painting has no time; a browser decodes it too
`Preview._server`, `PreviewServer`     stock shows a developer's tools, and does not follow the talk
=====================================  ==========================================================
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from simcord import Env
from simcord._clock import Clock
from simcord._dpy_internals import real_monotonic
from simcord.enums import AppCommandType
from simcord.preview import Preview
from simcord.preview._server import PreviewServer
from simcord.results import ResponseMessage

from nst_core.errors import UserError

if TYPE_CHECKING:
    import contextvars
    from collections.abc import AsyncIterator, Callable, Mapping

    import discord
    from aiohttp import web
    from simcord import MemberActor
    from simcord._runtime import _CallbackRecord
    from simcord.backend.models import Interaction
    from simcord.builders import ChannelHandle
    from simcord.preview._pages import _Page

HERE: Final = Path(__file__).parent
ANSWER_WITHIN_S = 3.0
"""Discord gives a bot this long to answer an interaction."""
AFTER_ANSWER_S = 0.05
"""What follows an answer at once (an edit, a follow-up) is there when an act returns."""

PICTURES: Final = frozenset({"image/png", "image/jpeg", "image/webp"})


class RealClock(Clock):
    """The wall clock; its `elapsed` is the real `time.monotonic`, so that both agree everywhere."""

    def __init__(self) -> None:
        """Do not start at simcord's fixed date."""

    @property
    def elapsed(self) -> float:  # type: ignore[override]
        """Seconds of the real monotonic clock."""
        return real_monotonic()

    def now(self) -> dt.datetime:
        """Return the time in UTC."""
        return dt.datetime.now(dt.UTC)

    def advance(self, seconds: float) -> None:
        """Refuse: nobody can hurry the wall clock."""
        raise RuntimeError(f"the wall clock cannot be advanced by {seconds} s")


class LiveEnv(Env):
    """A simulated Discord on which time passes by itself."""

    def __init__(self, bot: discord.Client) -> None:
        """Wrap a bot that has not started."""
        super().__init__(bot, check_errors=False)
        self.backend.clock = RealClock()
        self.backend.bot_user.name = "Gafuu"
        self._asked: Interaction | None = None
        self.acting = asyncio.Lock()
        """Whoever acts on this Discord, on a page or in code, does it alone."""

    async def close(self) -> None:
        """Close the bot as Discord's library would, then take the simulated Discord away."""
        try:
            with self._bot_scope():
                await self.bot.close()
        finally:
            await self.shutdown()

    def _notify_dispatch_observers(self, interaction: Interaction) -> None:
        self._asked = interaction
        super()._notify_dispatch_observers(interaction)

    async def _settle_internal(
        self,
        *,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - simcord's signature
        idle: float = 0.05,  # noqa: ARG002
        dispatch: str | None = None,
        _deadline: float | None = None,
    ) -> None:
        self._last_dispatch = dispatch
        asked, self._asked = self._asked, None
        errors_before = self.error_cursor
        deadline = real_monotonic() + ANSWER_WITHIN_S
        while asked and not asked.responded and real_monotonic() < deadline:
            if self.error_cursor > errors_before:
                break
            await asyncio.sleep(0.005)
        await asyncio.sleep(AFTER_ANSWER_S)

    def _schedule_timer(
        self,
        record: _CallbackRecord,
        callback: object,  # noqa: ARG002 - simcord's signature; the record's handle holds it
        args: tuple[object, ...],  # noqa: ARG002
        schedule_context: contextvars.Context | None,
    ) -> None:
        def fire() -> None:
            if record.handle and not record.handle.cancelled():
                record.handle._run()

        if self._runtime is None or record.when is None:
            raise RuntimeError("a timer outside the bot's life")
        pending = [each for each in self._work.callbacks if each.handle and not each.handle.cancelled()]
        self._work.callbacks[:] = pending
        record.real_handle = self._runtime.call_at(record.when, fire, context=schedule_context)

    def _record_error(self, error: BaseException) -> None:
        if not isinstance(getattr(error, "original", error), UserError):
            super()._record_error(error)


class PageServer(PreviewServer):
    """Serves simcord's page with a few lines of our own behind its style sheet and its script."""

    ADDED: ClassVar[dict[str, str]] = {"/preview.css": "page.css", "/app.js": "page.js"}

    async def _static(self, request: web.Request) -> web.Response:
        response: web.Response = await super()._static(request)
        if added := self.ADDED.get(request.path):
            response.text = f"{response.text}\n{(HERE / added).read_text(encoding='utf-8')}"
        return response


class LivePage(Preview):
    """The local page of one channel, which shows what happens while it happens."""

    env: LiveEnv

    def __init__(
        self, env: LiveEnv, channel: ChannelHandle, viewers: tuple[MemberActor, ...], *, port: int
    ) -> None:
        """Prepare the page; entering it as a context manager opens the port."""
        super().__init__(
            env,
            channel,
            viewers,
            layout="channel",
            display="responsive",
            width=960,
            height=720,
            locale="en-US",
            timezone="UTC",
            presentation_time=None,
            assets=None,
            port=port,
        )
        self._server = PageServer(self, port)
        self._shown = -1

    async def __aenter__(self) -> Self:
        """Open the port."""
        self.env._preview = None
        await super().__aenter__()
        return self

    async def _action(self, context_id: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
        async with self.env.acting:
            self.env._preview = self
            page = self._get_page(context_id)
            if isinstance(body, dict) and body.get("kind") == "message_menus":
                return {"menus": self._menus(page)}
            if isinstance(body, dict) and body.get("kind") == "message_menu":
                await self._open_menu(page, str(body["name"]), int(body["message_id"]))
                return {}
            if isinstance(body, dict) and "published_revision" in body:
                body = {**body, "published_revision": page.revision}
            return await super()._action(context_id, body)

    def _menus(self, page: _Page) -> list[str]:
        """Return the menus that the bot has on messages."""
        menus = self.env.backend.visible_commands(
            user_id=page.viewer.id, channel_id=page.channel_id, type=AppCommandType.MESSAGE
        )
        return [menu["name"] for menu in menus]

    async def _open_menu(self, page: _Page, name: str, message_id: int) -> None:
        """Let the page's viewer choose a menu on a message."""
        message = self.env.backend.get_message(page.channel_id, message_id)
        shown = await page.viewer.context_menu(self.channel, name, ResponseMessage(self.env, message))
        if shown.modal is not None:
            page.modal, page.modal_handle = shown, "m_" + secrets.token_urlsafe(12)
        self._publish_message_pages(reason="refresh")

    async def _prepare_asset(
        self,
        context_id: str | None,
        asset_id: str,
        *,
        download: bool = False,
        capture: bool = False,
        poster: bool = False,
        media_time: float | None = None,
    ) -> tuple[str, bytes, str]:
        _, record, _ = self._authorized_asset(context_id, asset_id)
        as_it_is = download or (record.contentType in PICTURES and not capture and not poster)
        return await super()._prepare_asset(
            context_id, asset_id, download=as_it_is, capture=capture, poster=poster, media_time=media_time
        )

    async def keep_fresh(self, *, every_s: float = 0.5) -> None:
        """Publish what has happened since the last look, again and again, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            async with self.env.acting:
                self._publish_news()

    def _publish_news(self) -> None:
        happened = len(self.env.backend.transcript)
        if happened != self._shown:
            self._shown = happened
            self._advance_presentation_time()
            self._publish_message_pages(reason="refresh")


@contextlib.asynccontextmanager
async def live(bot: discord.Client, *, check_errors: bool = True) -> AsyncIterator[LiveEnv]:
    """Run a bot on a simulated Discord in real time; it is closed at the end.

    Args:
        bot: not started yet. Its `setup_hook` runs before this yields, its `close()` afterwards.
        check_errors: raise at the end what the bot let escape. `UserError` never counts: the bot
            answers it with its sentence.

    Raises:
        ExceptionGroup: errors of the bot that nobody looked at in `env.errors`.
    """
    env = LiveEnv(bot)
    try:
        await env.start()
        with env.time_context():
            yield env
    finally:
        await env.close()
    if check_errors:
        env._raise_errors_since(env._errors_acknowledged)


async def until(condition: Callable[[], object], *, within_s: float = 20.0) -> None:
    """Return once `condition()` is true.

    Raises:
        TimeoutError: it was still false after `within_s` seconds.
    """
    deadline = real_monotonic() + within_s
    while not condition():
        if real_monotonic() > deadline:
            raise TimeoutError(f"not so within {within_s} s")
        await asyncio.sleep(0.01)
