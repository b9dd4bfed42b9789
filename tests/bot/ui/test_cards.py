from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bot.i18n import LANGUAGES, Words, words_in
from bot.jobs.model import JobRecord, JobView
from bot.ui import cards
from bot.ui.cards import MOST_MESSAGE_BYTES, Post, compact_losses, progress_bar
from nst_core.errors import BadImage
from nst_core.protocol import Pastiche, StyleParams

if TYPE_CHECKING:
    from collections.abc import Iterator

EN = words_in("en")
JA = words_in("ja")
OWNER = "<@11>"
JOB = JobRecord(
    id="01job",
    state="queued",
    attempt=1,
    owner_id=11,
    guild_id=22,
    channel_id=33,
    params=StyleParams(strength=60),
    presets=("great_wave",),
    weights=(1.0,),
    locale="en",
    public_locale="en",
    private=False,
    parent_id=None,
    max_bytes=10 * 2**20,
    content_blob="c0",
    style_blobs=("51",),
    card_message_id=44,
    result_message_id=None,
    created_at=1_800_000_000.0,
    started_at=None,
    finished_at=None,
)
RUNNING = JobView(
    job=replace(JOB, state="running"),
    ready_at=1_800_000_060.4,
    step=30,
    steps=120,
    losses={"content": 0.01234, "style": 4567.8, "tv": 0.0000321, "total": 1.0},
    preview=b"\xff\xd8preview",
)
PASTICHE = Pastiche(
    job_id="01job",
    attempt=1,
    image=b"the pastiche",
    image_format="jpeg",
    curve=b"the curve",
    content_view=b"the content",
    style_views=(b"the style",),
    width_px=512,
    height_px=384,
    losses={"content": 0.5, "style": 0.25},
    steps=120,
    stopped_early=False,
    seconds=47.6,
)
PAINTED = JobView(job=replace(JOB, state="delivering"), pastiche=PASTICHE)
ENDINGS = [
    replace(JOB, state="cancelled"),
    replace(JOB, state="failed"),
    replace(JOB, state="done"),
]


@pytest.fixture(params=LANGUAGES)
def words(request: pytest.FixtureRequest) -> Words:
    """Each language, one after another."""
    return words_in(request.param)


def parts(post: Post) -> Iterator[dict[str, Any]]:
    """Yield every component of a message as Discord gets it."""

    def walk(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for component in components:
            yield component
            yield from walk(component.get("components", []))

    yield from walk(post.view.to_components())


def text(post: Post) -> str:
    """Return what a message says."""
    return "\n".join(part["content"] for part in parts(post) if part["type"] == 10)


def gallery(post: Post) -> list[tuple[str, str]]:
    """Return address and alt text of each picture that a message shows."""
    items = [item for part in parts(post) if part["type"] == 12 for item in part["items"]]
    return [(item["media"]["url"], item["description"]) for item in items]


def button_ids(post: Post) -> list[str]:
    """Return what the buttons of a message do."""
    return [part["custom_id"] for part in parts(post) if part["type"] == 2]


async def test_queued_card_tells_place_and_time() -> None:
    """A job that waits shows its place, when it will be done (a clock that Discord keeps), and Cancel."""
    post = cards.card(JobView(job=JOB, position=3, ready_at=1_800_000_099.6), EN)
    assert text(post).splitlines() == [
        "### In the manner of The Great Wave off Kanagawa (Katsushika Hokusai)",
        f"-# for {OWNER}",
        "Number 3 in the queue. Done <t:1800000100:R>.",
    ]
    assert button_ids(post) == ["gafuu:cancel:01job"]
    assert gallery(post) == []


async def test_a_result_in_one_step_counts_no_steps(words: Words) -> None:
    """A draft has neither a curve nor anything to count."""
    draft = replace(PASTICHE, steps=1, curve=None, losses={}, seconds=0.62)
    post = cards.result(replace(PAINTED, pastiche=draft), words)
    last = text(post).splitlines()[-1]
    assert last.startswith("-# ")
    assert last.endswith({"en": "512×384 px · 0.6 s", "ja": "512×384 px · 0.6 秒"}[words.language])
    assert [address for address, _ in gallery(post)] == [
        "attachment://content.jpg",
        "attachment://style_1.jpg",
        "attachment://pastiche.jpg",
    ]


async def test_first_in_the_queue_is_next() -> None:
    """Nobody is "number 1 in the queue" while somebody else is being painted: they are next."""
    assert "Next in the queue." in text(cards.card(JobView(job=JOB, position=1), EN))


async def test_running_card_tells_everything() -> None:
    """A job that is painted shows bar, step, losses, the picture so far, and both buttons."""
    post = cards.card(RUNNING, EN)
    assert text(post).splitlines()[2:] == [
        "Painting… Done <t:1800000060:R>.",
        "▰▰▰▱▱▱▱▱▱▱▱▱ step 30 of 120",
        "-# Losses: content 0.0123 · style 4.57e3 · smoothness 3.21e-5 · total 1",
    ]
    assert gallery(post) == [("attachment://preview.jpg", "The picture so far, after step 30 of 120")]
    assert [(picture.name, picture.data) for picture in post.pictures] == [("preview.jpg", RUNNING.preview)]
    assert button_ids(post) == ["gafuu:stop:01job", "gafuu:cancel:01job"]


async def test_running_card_in_japanese() -> None:
    """The same card in Japanese."""
    assert text(cards.card(RUNNING, JA)).splitlines() == [
        "### 葛飾北斎「神奈川沖浪裏（冨嶽三十六景）」の画風で",
        f"-# {OWNER} さんのご依頼",
        "描いています…完成の目安は<t:1800000060:R>です。",
        "▰▰▰▱▱▱▱▱▱▱▱▱ 120 ステップ中 30",
        "-# 損失：内容 0.0123 · 画風 4.57e3 · 滑らかさ 3.21e-5 · 合計 1",
    ]


async def test_running_card_before_the_first_step_has_no_bar() -> None:
    """Nothing is shown that is not known yet."""
    post = cards.card(JobView(job=replace(JOB, state="running")), EN)
    assert text(post).splitlines()[2:] == ["Setting up the canvas…"]


async def test_second_attempt_says_that_it_started_again() -> None:
    """A worker that died is invisible but for this."""
    assert "started again. Painting…" in text(cards.card(replace(RUNNING, retrying=True), EN))


async def test_the_first_impression_is_called_a_draft() -> None:
    """Before the first step there is a preview already: no bar, no losses, and nothing says “step 0”."""
    view = replace(RUNNING, step=0, steps=0, losses={})
    post = cards.card(view, EN)
    assert text(post).splitlines()[2:] == [
        "A quick draft first; the painting itself begins now. Done <t:1800000060:R>."
    ]
    assert gallery(post) == [("attachment://preview.jpg", "A quick draft, while the painting itself begins")]
    assert button_ids(post) == ["gafuu:stop:01job", "gafuu:cancel:01job"]
    assert "まずは下描きです。" in text(cards.card(view, JA))


async def test_preview_can_be_left_out() -> None:
    """Where Discord finds the card too large, it goes on without a picture."""
    post = cards.card(RUNNING, EN, with_preview=False)
    assert gallery(post) == []
    assert post.pictures == ()


async def test_result_shows_four_pictures_with_alt_texts() -> None:
    """Content, style, pastiche and curve in one gallery, each described, and the parameters in one line."""
    post = cards.result(PAINTED, EN)
    style = "The Great Wave off Kanagawa (Katsushika Hokusai)"
    assert gallery(post) == [
        ("attachment://content.jpg", "Content picture: what was to be painted"),
        ("attachment://style_1.jpg", f"Style: {style}"),
        (
            "attachment://pastiche.jpg",
            f"Pastiche: the content picture painted in the manner of {style}",
        ),
        (
            "attachment://curve.png",
            "Loss curve over 120 steps, on a logarithmic scale; at the end: content 0.5 · style 0.25",
        ),
    ]
    assert [picture.data for picture in post.pictures] == [
        b"the content",
        b"the style",
        b"the pastiche",
        b"the curve",
    ]
    assert text(post).splitlines() == [
        f"### In the manner of {style}",
        f"{OWNER}, here is your picture.",
        "-# best · strength 60 · 512×384 px · 48 s · 120 steps",
    ]
    assert sum(part["type"] == 12 for part in parts(post)) == 1


async def test_result_has_its_buttons(words: Words) -> None:
    """Under every result, the light one included, in rows of at most five."""
    for light in (False, True):
        post = cards.result(PAINTED, words, pastiche_only=light)
        actions = ("again", "stronger", "gentler", "other", "swap", "larger", "details", "star", "delete")
        assert button_ids(post) == [f"gafuu:{action}:01job" for action in actions]
        assert all(len(part["components"]) <= 5 for part in parts(post) if part["type"] == 1)


async def test_result_of_an_upload_names_no_painting(words: Words) -> None:
    """A style picture of one's own has no title."""
    own = replace(PAINTED, job=replace(PAINTED.job, presets=(None,)))
    assert words.say("style.upload") in text(cards.result(own, words))


async def test_result_that_was_stopped_early_says_so(words: Words) -> None:
    """Whoever sees it knows that it could have gone on."""
    stopped = replace(PAINTED, pastiche=replace(PASTICHE, stopped_early=True))
    note = words.say("result.stopped_early")
    assert note in text(cards.result(stopped, words))
    assert note not in text(cards.result(PAINTED, words))


async def test_result_without_a_curve_has_three_pictures() -> None:
    """A mode without an optimisation has no curve."""
    post = cards.result(replace(PAINTED, pastiche=replace(PASTICHE, curve=None)), EN)
    assert [picture.name for picture in post.pictures] == ["content.jpg", "style_1.jpg", "pastiche.jpg"]


async def test_light_result_is_the_pastiche_alone() -> None:
    """What a place gets that refused the whole."""
    post = cards.result(PAINTED, EN, pastiche_only=True)
    assert [picture.name for picture in post.pictures] == ["pastiche.jpg"]
    assert len(gallery(post)) == 1


async def test_result_stays_below_what_one_request_may_hold() -> None:
    """The pastiche has precedence; what no longer fits beside it is left out."""
    large = replace(
        PASTICHE, image=bytes(MOST_MESSAGE_BYTES - 20), content_view=bytes(30), style_views=(bytes(5),) * 2
    )
    mixed = replace(PAINTED.job, presets=("scream", None), weights=(1.0, 1.0))
    post = cards.result(replace(PAINTED, job=mixed, pastiche=large), EN)
    names = [picture.name for picture in post.pictures]
    assert names == ["style_1.jpg", "style_2.jpg", "pastiche.jpg", "curve.png"]
    assert sum(len(picture.data) for picture in post.pictures) <= MOST_MESSAGE_BYTES


async def test_finished_card_is_one_line_with_a_link(words: Words) -> None:
    """The result stands on its own; its card only points there."""
    post = cards.done(PAINTED, words, message_id=55)
    assert len(text(post).splitlines()) == 1
    assert "(https://discord.com/channels/22/33/55)" in text(post)
    private = replace(PAINTED, job=replace(PAINTED.job, guild_id=None))
    assert "(https://discord.com/channels/@me/33/55)" in text(cards.done(private, words, message_id=55))
    assert post.pictures == ()
    assert button_ids(post) == []


@pytest.mark.parametrize("job", ENDINGS, ids=lambda job: job.state)
async def test_ended_card_has_no_buttons(job: JobRecord, words: Words) -> None:
    """What is over cannot be stopped."""
    assert button_ids(cards.card(JobView(job=job), words)) == []


async def test_card_of_a_mistake_is_the_sentence(words: Words) -> None:
    """Where the owner cannot be told alone, the card tells it."""
    error = BadImage("image_damaged", role="content", kind="PNG")
    post = cards.card(JobView(job=replace(JOB, state="failed"), error=error), words)
    assert words.refuse(error) in text(post)


async def test_card_of_a_fault_apologises_with_the_job(words: Words) -> None:
    """Our own fault shows the number under which it is in the log, and nothing else about it."""
    post = cards.card(JobView(job=replace(JOB, state="failed")), words)
    assert text(post) == words.say("answer.fault", id="01job")


async def test_every_message_fits_into_discord(words: Words) -> None:
    """At most 40 components and 4,000 characters, the longest title included; buttons of 80."""
    jobs = [replace(JOB, presets=(preset,)) for preset in cards.presets.all_presets()]
    posts = [cards.result(replace(PAINTED, job=job), words) for job in jobs]
    posts += [cards.card(replace(RUNNING, job=replace(job, state="running")), words) for job in jobs]
    posts += [
        cards.interrupted(RUNNING, words),
        cards.kept(PAINTED, words),
        cards.sent_privately(PAINTED, words),
    ]
    for post in posts:
        assert sum(1 for _ in parts(post)) <= 40
        assert 0 < len(text(post)) <= 4000
        assert all(len(part["label"]) <= 80 for part in parts(post) if part["type"] == 2)
        assert all(0 < len(alt) <= 1024 for _, alt in gallery(post))


async def test_files_can_be_made_again() -> None:
    """discord.py reads a file to its end: each attempt at sending starts at the beginning."""
    post = cards.result(PAINTED, EN)
    for _ in range(2):
        assert [file.fp.read() for file in post.files()] == [picture.data for picture in post.pictures]


@pytest.mark.parametrize(
    ("step", "steps", "filled"),
    [(0, 0, 0), (0, 120, 0), (9, 120, 0), (10, 120, 1), (120, 120, 12), (130, 120, 12)],
)
def test_progress_bar(step: int, steps: int, filled: int) -> None:
    """A cell is filled when its share of the steps is done, never earlier."""
    assert progress_bar(step, steps) == "▰" * filled + "▱" * (12 - filled)


def test_loss_without_a_name_keeps_its_own() -> None:
    """A mode may speak of terms that no language file knows."""
    assert compact_losses({"moments": 12345.0}, EN) == "moments 1.23e4"


async def test_own_painting_of_a_server_is_called_by_its_title() -> None:
    """What somebody wrote is shown as it stands: nothing in it formats."""
    assert cards.preset_label("own:Stripes *and* dots", EN) == "Stripes \\*and\\* dots"
