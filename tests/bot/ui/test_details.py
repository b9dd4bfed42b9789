from __future__ import annotations

import dataclasses

import pytest

from bot.i18n import LANGUAGES, words_in
from bot.jobs.model import JobRecord
from bot.ui.details import details
from nst_core import presets
from nst_core.protocol import Pastiche, StyleParams

EN, JA = words_in("en"), words_in("ja")


def job(preset: str | None = "great_wave", *, parent_id: str | None = None, guild_id: int = 22) -> JobRecord:
    """Return a job whose picture is posted."""
    return JobRecord(
        id="01job",
        state="done",
        attempt=1,
        owner_id=11,
        guild_id=guild_id,
        channel_id=33,
        params=StyleParams(strength=60, brush=150, seed=7, long_side_px=512),
        presets=(preset,),
        weights=(1.0,),
        locale="en",
        public_locale="en",
        private=False,
        parent_id=parent_id,
        max_bytes=2**20,
        content_blob="c0",
        style_blobs=("51",),
        card_message_id=44,
        result_message_id=55,
        created_at=0.0,
        started_at=1.0,
        finished_at=2.0,
    )


PASTICHE = Pastiche(
    job_id="01job",
    attempt=1,
    image=b"",
    image_format="png",
    curve=None,
    content_view=b"",
    style_views=(b"",),
    width_px=500,
    height_px=384,
    losses={},
    steps=120,
    stopped_early=False,
    seconds=47.6,
)


def test_everything_that_made_a_picture() -> None:
    """A line each: how it was painted, from which painting, under which licence, from which picture."""
    wave = presets.find("great_wave")
    assert details(job(parent_id="00job"), PASTICHE, job(), EN).splitlines() == [
        "**In the manner of The Great Wave off Kanagawa (Katsushika Hokusai)**",
        "Mode: best",
        "Strength: 60 of 100",
        "Brush: 150 %",
        "Size: 500×384 pixels",
        "Painted in 48 s and 120 steps",
        "Seed: 7",
        f"{wave.title} ({wave.artist}), {wave.year}. Licence of the file: {wave.licence}",
        "Made from [this picture](https://discord.com/channels/22/33/55)",
    ]


def test_in_japanese() -> None:
    """The same in Japanese, the licence included."""
    text = details(job("mona_lisa", parent_id="00job"), PASTICHE, None, JA)
    assert "強さ：60（0～100）" in text
    assert "描き方：最高品質" in text
    assert text.endswith("以前の絵をもとに描きました")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_licence_is_told(language: str) -> None:
    """Each painting's details name its licence, in Japanese as far as it has words, within 2,000 letters."""
    words = words_in(language)
    for preset in presets.all_presets().values():
        text = details(job(preset.id), PASTICHE, None, words)
        licence = words.name("value", preset.licence)
        assert licence in text
        assert "ublic domain" not in licence or language == "en"
        assert len(text) <= 2000


def test_upload_has_no_licence() -> None:
    """We do not know under which licence somebody's own picture is, nor one that was removed since."""
    for preset in (None, "removed"):
        assert "Licence" not in details(job(preset), PASTICHE, None, EN)


def test_without_its_result() -> None:
    """Once the picture is no longer kept, what was ordered can still be told."""
    text = details(job(), None, None, EN)
    assert "Size: long side 512 pixels" in text
    assert "Painted in" not in text


@pytest.mark.parametrize("parent", [None, job(guild_id=23)], ids=["unknown", "elsewhere"])
def test_parent_that_nobody_here_can_see_has_no_link(parent: JobRecord | None) -> None:
    """It is unknown, or was posted on another server."""
    text = details(job(parent_id="00job"), PASTICHE, parent, EN)
    assert text.endswith("Made from an earlier picture")
    assert "Made from" not in details(job(), PASTICHE, None, EN)


def test_kept_colours_are_told() -> None:
    """Only where somebody wished for them."""
    plain = job()
    kept = dataclasses.replace(plain, params=dataclasses.replace(plain.params, keep_colors=True))
    for words in (EN, JA):
        line = words.say("details.keep_colors")
        assert line in details(kept, None, None, words).splitlines()
        assert line not in details(plain, None, None, words)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_draft_is_told_as_one_step(language: str) -> None:
    """“1 steps” is nobody's language."""
    draft = dataclasses.replace(PASTICHE, steps=1, seconds=0.62)
    lines = details(job(), draft, None, words_in(language)).splitlines()
    assert {"en": "Painted in 0.6 s, in one step", "ja": "描くのにかかった時間：0.6 秒、1 ステップ"}[
        language
    ] in lines
