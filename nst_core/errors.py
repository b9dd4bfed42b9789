"""Everything that can go wrong, as one tree; standard library only.

::

    UserError           shown as it stands: what is wrong and what to do; no paths, no ids
    ├─ BadImage         not an image, cannot decode, too small, too many pixels
    ├─ BadParameter     out of range, unknown preset, neither or both of style and preset
    ├─ UploadTooLarge   with both numbers
    ├─ Unavailable      something outside is missing just now: a download, a permission
    └─ Busy             queue full, or this person's share is used: says when to come back
    Fault               a fixed sentence and the job id; logged with its traceback
    ├─ OutOfMemory      after one retry, smaller, in a fresh process
    ├─ WorkerDied       end of pipe, or a frame that does not decode; retried once
    └─ JobTimedOut      in all, or no step for too long
    Cancelled           somebody wanted it so: neither a mistake nor a fault
    ConfigError         start-up only: one line naming file and key, exit status 78

A `UserError` is a code and its values. The English sentence stands here in `SENTENCES`; the bot's
language files hold the same codes, so one error speaks every language.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SENTENCES: Final[dict[str, str]] = {
    "role_content": "The content picture",
    "role_style": "The style picture",
    "role_second_style": "The second style picture",
    "role_mask": "The mask",
    "role_picture": "The picture",
    "image_empty": "{role} is empty (0 bytes): attach the picture again.",
    "image_unreadable": (
        "{role} is not a picture I can read: send JPEG, PNG, WebP, GIF, AVIF, HEIC, BMP or TIFF."
    ),
    "image_missing": "There is no picture file called “{name}” that I can open: check its name and folder.",
    "image_unsupported": (
        "{role} is of a kind that I cannot read ({kind}): open it, save it as PNG or JPEG, and send that."
    ),
    "image_is_document": (
        "{role} is {kind}, which holds drawing instructions instead of pixels: "
        "export it as PNG or JPEG and send that."
    ),
    "image_damaged": (
        "{role} is a damaged or incomplete {kind} file: open it, save it again as PNG or JPEG, and send that."
    ),
    "image_too_costly": (
        "{role} needs more time or memory to open than I can give it: "
        "open it, save it again as a smaller PNG or JPEG, and send that."
    ),
    "image_too_small": (
        "{role} is only {width_px}×{height_px} pixels: both sides need at least {least_px}. "
        "Send a larger copy."
    ),
    "image_too_narrow": (
        "{role} is {width_px}×{height_px} pixels, too long and narrow to paint: "
        "crop it so that the long side is at most {ratio} times the short one."
    ),
    "image_too_many_pixels": (
        "{role} has {width_px}×{height_px} pixels, more than the {most_mp} megapixels I accept: "
        "send a smaller copy."
    ),
    "image_too_many_frames": (
        "{role} is an animation of more than {most} frames: save one frame as PNG and send that."
    ),
    "mask_black": (
        "The mask is black all over, so that nothing would be painted: make it white where I should paint."
    ),
    "mask_shape": (
        "The mask has another shape than the content picture: draw it on a copy of that picture, of any size."
    ),
    "upload_too_large": (
        "{role} is {size_mib} MiB, and I accept at most {limit_mib} MiB: send a smaller copy."
    ),
    "upload_lost": "{role} could not be fetched from Discord: attach it again.",
    "permissions_missing": (
        "I lack permissions in this channel ({permissions}): "
        "ask somebody who manages the server to grant them, or use me in another channel."
    ),
    "permissions_missing_there": (
        "I lack permissions in {channel} ({permissions}): "
        "ask somebody who manages the server to grant them, or to choose another channel."
    ),
    "channel_closed": "On this server pictures are painted in other channels: please go to {channels}.",
    "role_needed": (
        "On this server only people with one of these roles can order pictures: {roles}. "
        "Ask somebody who manages the server for one."
    ),
    "remix_closed": (
        "On this server only whoever ordered a picture can paint on from it: "
        "order one of your own with /stylize."
    ),
    "server_full": (
        "This server already has {limit} pictures under way: wait for one of them to finish, then try again."
    ),
    "manage_needed": "Only people who may manage this server can change its settings: ask one of them.",
    "gallery_private": "Galleries belong to servers that have invited me: use this in one of them.",
    "gallery_missing": (
        "This server has no gallery channel yet: whoever manages the server can choose one with /settings."
    ),
    "gallery_gone": (
        "The gallery channel no longer exists, or I cannot see it: "
        "whoever manages the server can choose another one with /settings."
    ),
    "gallery_refused": (
        "Discord did not let me post in {channel}: "
        "ask somebody who manages the server to look at its rules and permissions."
    ),
    "gallery_empty": "The gallery is still empty: press ★ under a picture that should hang there.",
    "history_empty": "You have not ordered any pictures yet: begin with /stylize.",
    "party_closed": "This party takes no more pictures: vote for the ones that are there.",
    "party_style": (
        "At this party everything is painted in the manner of {style}: "
        "leave out style and preset, or go to another channel."
    ),
    "party_place": "A party needs a text channel of a server: open it in one, not in a thread or in private.",
    "party_refused": (
        "Discord did not let me open a thread here: "
        "ask somebody who manages the server, or open the party in another channel."
    ),
    "out_of_range": "{name} is {value}: choose a whole number from {least} to {most}.",
    "not_a_choice": "{name} is “{value}”: choose one of {choices}.",
    "preset_unknown": "There is no painting called “{preset}”. {hint}",
    "hint_closest": "Did you mean “{closest}”?",
    "hint_list": "Pick one from the list of paintings.",
    "style_missing": "Choose a manner of painting: add a style picture, or pick a preset.",
    "style_both": (
        "You gave both a style picture and a preset: leave one of them out, "
        "or attach the picture as second_style to mix them."
    ),
    "content_missing": "There is no picture to paint: attach one as content.",
    "message_without_picture": (
        "That message has no picture attached (I do not open links): "
        "use this on a message with a picture as a file."
    ),
    "own_forbidden": "Only people who may manage this server can change its own paintings.",
    "own_full": "This server already has {most} paintings of its own: remove one, then add the next.",
    "own_none": "This server has no such painting of its own: open /styles again to see what there is.",
    "own_title_empty": "That title has neither letters nor digits in it: give the painting a name.",
    "own_title_taken": "There already is a painting called “{title}”: give this one another title.",
    "preset_offline": (
        "“{title}” has to be downloaded first and that did not work just now: "
        "try again later, or pick a painting that is bundled."
    ),
    "preset_broken": (
        "The downloaded copy of “{title}” was not what I expected, so I threw it away: "
        "try again later, or pick another painting."
    ),
    "weights_damaged": "The network's weights {name} are damaged: install Gafuu again, or delete that file.",
    "weights_offline": (
        "The network's weights {name} have to be downloaded first and that did not work just now: "
        "try again later, or use the bundled extractor vgg16."
    ),
    "queue_full": "The queue is full ({limit} pictures are waiting): try again {when}.",
    "share_used": (
        "You already have {limit} pictures under way: "
        "wait for one of them to finish, or cancel one, then try again."
    ),
    "restarting": "I am just being restarted: try again in a minute.",
    "strongest": "Strength is already at its end, 100: press “Gentler”, or “Again” for another try.",
    "gentlest": "Strength is already at its end, 0: press “Stronger”, or “Again” for another try.",
    "largest": (
        "This picture is already as large as I paint here ({most} pixels): press “Again” for another try."
    ),
    "job_forgotten": ("I no longer keep the pictures of that job: send them again as a new job."),
}


class GafuuError(Exception):
    """Whatever this project raises on purpose."""


class UserError(GafuuError):
    """The person's mistake, or something that only they can mend.

    Args:
        code: a key of `SENTENCES`.
        values: what the sentence's placeholders stand for. A value `role` is one of "content",
            "style", "second_style", "mask" and "picture", and is itself put into words; `hint` is a code of
            its own.
    """

    def __init__(self, code: str, **values: str | int) -> None:
        """Keep code and values; both cross process borders as plain JSON."""
        self.code = code
        self.values = values
        super().__init__(code, values)

    def __reduce__(self) -> tuple[Callable[..., UserError], tuple[object, ...]]:
        """Return how to make a copy, so that a process pool can hand it on."""
        return _rebuilt, (type(self), self.code, self.values)

    def __str__(self) -> str:
        """Return the English sentence."""
        return say(SENTENCES, self.code, self.values)


def _rebuilt(kind: type[UserError], code: str, values: dict[str, str | int]) -> UserError:
    return kind(code, **values)


class BadImage(UserError):
    """The bytes are no picture, or none that can be painted."""


class BadParameter(UserError):
    """A choice that does not exist or lies out of range."""


class UploadTooLarge(UserError):
    """More bytes than are accepted."""


class Unavailable(UserError):
    """Something outside is missing just now; nobody's mistake, but the person can act."""


class Busy(UserError):
    """No room in the queue for this job now."""


class Fault(GafuuError):
    """Our mistake. Its text is for the log; the person reads a fixed sentence and the job's id."""

    kind: ClassVar[str] = "fault"


class OutOfMemory(Fault):
    """The device had too little memory for this picture."""

    kind = "out_of_memory"


class WorkerDied(Fault):
    """The worker's process ended, or spoke nonsense, in the middle of a job."""

    kind = "worker_died"


class JobTimedOut(Fault):
    """The job took too long in all, or made no step for too long."""

    kind = "timed_out"


class Cancelled(GafuuError):
    """The job was stopped on request and nothing of it is kept."""


class ConfigError(GafuuError):
    """The configuration cannot be used: one line that names file and key."""


USER_ERRORS: Final[dict[str, type[UserError]]] = {
    kind.__name__: kind for kind in (BadImage, BadParameter, UploadTooLarge, Unavailable, Busy)
}


def say(sentences: dict[str, str], code: str, values: dict[str, str | int]) -> str:
    """Put a `UserError` into words.

    Args:
        sentences: code → sentence with placeholders, in some language.
        code: which sentence.
        values: the placeholders' values; `role` is looked up as `role_<role>`, `hint` as it stands.
    """
    words = dict(values)
    if "role" in words:
        words["role"] = sentences[f"role_{words['role']}"]
    if "hint" in words:
        words["hint"] = sentences[str(words["hint"])].format(**words)
    return sentences[code].format(**words)


def closest(word: str, words: Iterable[str]) -> str:
    """Return the known word that looks most like `word`, or "" when none does."""
    return next(iter(difflib.get_close_matches(word, list(words), n=1)), "")
