"""What a server allows: whoever takes an order asks here first. Nothing here waits for anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

from bot.ui.answers import private_words
from nst_core.errors import Unavailable

if TYPE_CHECKING:
    from bot.client import GafuuBot
    from bot.config import Settings
    from bot.jobs.model import JobRecord
    from bot.jobs.servers import ServerSettings

    Interaction = discord.Interaction[GafuuBot]

NEEDED = ("view_channel", "attach_files", "embed_links", "read_message_history")
NEEDED_AS_GUEST = ("attach_files", "embed_links")
"""Where only the command's own token reaches."""


def server_here(interaction: Interaction) -> ServerSettings:
    """Return what the server of an interaction has chosen."""
    return interaction.client.servers.of(interaction.guild_id)


def settings_here(interaction: Interaction) -> Settings:
    """Return the bot's settings as they are on this server."""
    return server_here(interaction).applied_to(interaction.client.settings)


def check_order(interaction: Interaction, *, private: bool = False) -> None:
    """Refuse an order that could not be delivered, or that the server does not want here.

    Args:
        interaction: a command or a press.
        private: only who acts sees what comes of it, which needs no permission.

    Raises:
        Unavailable: what is missing, or where to go instead.
    """
    check_place(interaction)
    if not private:
        check_permissions(interaction)


def check_place(interaction: Interaction) -> None:
    """Refuse an order in a channel, or of a person, that the server has not chosen for it.

    Raises:
        Unavailable: names the channels or the roles.
    """
    server = server_here(interaction)
    comma = private_words(interaction).say("list.comma")
    if server.channels and place_id(interaction.channel) not in server.channels:
        names = comma.join(f"<#{channel_id}>" for channel_id in server.channels)
        raise Unavailable("channel_closed", channels=names)
    own = {role.id for role in getattr(interaction.user, "roles", ())}
    if server.roles and not own & set(server.roles):
        raise Unavailable("role_needed", roles=comma.join(f"<@&{role_id}>" for role_id in server.roles))


def check_remix(interaction: Interaction, parent: JobRecord) -> None:
    """Refuse to paint on from somebody else's picture where the server does not want that.

    Raises:
        Unavailable: says what to do instead.
    """
    if server_here(interaction).remix == "everybody" or interaction.user.id == parent.owner_id:
        return
    if not is_moderator(interaction):
        raise Unavailable("remix_closed")


def check_permissions(interaction: Interaction, *needed: str) -> None:
    """Refuse where the bot could not post what it makes, before anything is made.

    Args:
        interaction: in the channel where it would be posted.
        needed: permissions besides those for a picture.

    Raises:
        Unavailable: names what is missing.
    """
    if interaction.guild_id is None:
        return
    names = NEEDED_AS_GUEST if is_guest(interaction) else (*NEEDED, _speaking(interaction.channel))
    refuse_missing(interaction, interaction.app_permissions, (*names, *needed))


def refuse_missing(
    interaction: Interaction, granted: discord.Permissions, needed: tuple[str, ...], *, where: str = ""
) -> None:
    """Refuse if permissions are missing.

    Args:
        interaction: whose person is told.
        granted: what the bot may do.
        needed: names of permissions.
        where: mention of a channel other than this one.

    Raises:
        Unavailable: names them.
    """
    words = private_words(interaction)
    missing = [words.name("permission", name) for name in needed if not getattr(granted, name)]
    if not missing:
        return
    permissions = words.say("list.comma").join(missing)
    if where:
        raise Unavailable("permissions_missing_there", permissions=permissions, channel=where)
    raise Unavailable("permissions_missing", permissions=permissions)


def is_guest(interaction: discord.Interaction[Any]) -> bool:
    """Tell whether the bot itself is not in this place, only somebody who has installed it for themselves."""
    if interaction.context.private_channel and not interaction.context.dm_channel:
        return True
    alone = interaction.is_user_integration() and not interaction.is_guild_integration()
    return interaction.guild_id is not None and alone


def is_moderator(interaction: discord.Interaction[Any]) -> bool:
    """Tell whether somebody may tidy up here."""
    return interaction.guild_id is not None and interaction.permissions.manage_messages


def is_age_restricted(channel: object) -> bool:
    """Tell whether a channel, or the one a thread belongs to, is for adults."""
    asked = getattr(channel, "is_nsfw", None)
    return bool(asked and asked())


def is_covered(server: ServerSettings, *, age_restricted: bool, here: bool) -> bool:
    """Tell whether a picture is to be covered until somebody clicks.

    Args:
        server: what the server has chosen.
        age_restricted: whether the picture comes from an age-restricted channel.
        here: whether it is shown in such a channel.
    """
    if not age_restricted or server.spoiler == "never":
        return False
    return server.spoiler == "always" or not here


def place_id(channel: Any) -> int | None:  # noqa: ANN401 - any of Discord's kinds of channel, or None
    """Return the id of a channel; of a thread, that of the channel it belongs to."""
    if isinstance(channel, discord.Thread):
        return channel.parent_id
    return getattr(channel, "id", None)


def _speaking(channel: object) -> str:
    return "send_messages_in_threads" if isinstance(channel, discord.Thread) else "send_messages"
