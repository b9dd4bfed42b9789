"""`/history`: a person's own jobs, page by page, each with its link; finished ones can be shown again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from bot.gallery import picture_of
from bot.jobs.model import JobView
from bot.ui import cards
from bot.ui.answers import answer_failure, private_words
from bot.ui.links import message_link, result_link
from bot.ui.panels import page_row
from nst_core.errors import Unavailable

if TYPE_CHECKING:
    import re

    from bot.client import GafuuBot
    from bot.i18n import Words
    from bot.jobs.model import JobRecord

    Interaction = discord.Interaction[GafuuBot]

ON_A_PAGE: Final = 8
MOST_LABEL_LETTERS: Final = 100
"""Of a select's option."""
GREY: Final = 0x8A8F98


class ShowSelect(ui.DynamicItem[ui.Select[Any]], template="gafuu-show"):
    """A list of finished pictures; the chosen one is shown to whoever chose it, alone."""

    def __init__(self, options: list[discord.SelectOption], placeholder: str | None = None) -> None:
        super().__init__(ui.Select(custom_id="gafuu-show", options=options, placeholder=placeholder))

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],  # noqa: ARG003 - the base class calls it so
        item: ui.Item[Any],
        match: re.Match[str],  # noqa: ARG003
        /,
    ) -> ShowSelect:
        """Return the list in which somebody chose."""
        return cls(item.options if isinstance(item, ui.Select) else [])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Show it, or say why not."""
        try:
            await show_again(interaction, self.item.values[0])
        except Exception as error:  # noqa: BLE001 - discord.py would only log it, and leave the person without an answer
            await answer_failure(interaction, error)


async def show_history(interaction: Interaction, page: int) -> None:
    """Show a page of somebody's own jobs to them alone.

    Raises:
        Unavailable: they have none.
    """
    bot, words = interaction.client, private_words(interaction)
    jobs, in_all = await bot.store.page_of(interaction.user.id, first=page * ON_A_PAGE, most=ON_A_PAGE)
    if not jobs:
        raise Unavailable("history_empty")
    pages = (in_all - 1) // ON_A_PAGE + 1
    view = _history_page(jobs, words, first=page * ON_A_PAGE, pages=pages, page=page)
    if interaction.type is discord.InteractionType.component:
        await interaction.response.edit_message(view=view)
    else:
        await interaction.response.send_message(view=view, ephemeral=True)


async def show_again(interaction: Interaction, job_id: str) -> None:
    """Show one of somebody's own pictures to them alone, with everything that belongs to it.

    Raises:
        Unavailable: it is no longer kept.
    """
    bot = interaction.client
    await interaction.response.defer(ephemeral=True, thinking=True)
    job = await bot.service.get(job_id)
    pastiche = await picture_of(bot, job)
    if job is None or pastiche is None or job.owner_id != interaction.user.id:
        raise Unavailable("job_forgotten")
    parent = await bot.service.get(job.parent_id) if job.parent_id else None
    post = cards.result(JobView(job=job, pastiche=pastiche), private_words(interaction), parent=parent)
    await interaction.followup.send(view=post.view, files=post.files(), ephemeral=True)


def _history_page(jobs: list[JobRecord], words: Words, *, first: int, page: int, pages: int) -> ui.LayoutView:
    lines = [words.say("history.title", page=page + 1, pages=pages)]
    lines += [_line(number, job, words) for number, job in enumerate(jobs, start=first + 1)]
    container: ui.Container[Any] = ui.Container(ui.TextDisplay("\n".join(lines)), accent_colour=GREY)
    options = [
        discord.SelectOption(label=_label(number, job, words), value=job.id)
        for number, job in enumerate(jobs, start=first + 1)
        if job.state == "done"
    ]
    if options:
        container.add_item(ui.ActionRow(ShowSelect(options, words.say("history.show"))))
    if pages > 1:
        container.add_item(page_row("history", page, pages, words))
    return cards.layout(container)


def _line(number: int, job: JobRecord, words: Words) -> str:
    when, label = f"<t:{round(job.created_at)}:d>", cards.style_label(job, words)
    return words.say("history.line", number=number, when=when, style=label, standing=_standing(job, words))


def _standing(job: JobRecord, words: Words) -> str:
    if job.state == "done" and (link := result_link(job)):
        return words.say("history.link", link=link)
    if job.state in {"queued", "running", "delivering"} and job.card_message_id is not None:
        return words.say("history.under_way", link=message_link(job, job.card_message_id))
    return words.name("history_state", job.state)


def _label(number: int, job: JobRecord, words: Words) -> str:
    label = words.say("history.option", number=number, style=cards.style_label(job, words))
    return label if len(label) <= MOST_LABEL_LETTERS else label[: MOST_LABEL_LETTERS - 1] + "…"
