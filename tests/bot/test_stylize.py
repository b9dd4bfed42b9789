"""`/stylize` from end to end: simulated Discord, real bot, real queue, the real worker and its painter."""

from __future__ import annotations

import io
import os
import re
import signal
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageStat
from staging.seen import (
    buttons,
    gallery,
    gallery_of,
    job_of,
    pictures_of,
    refusal,
    result_in,
    results,
    runs,
    says,
    shows,
    text,
)
from staging.stage import speaking

from bot.i18n import words_in
from bot.rehearsal.realtime import until
from nst_core.errors import SENTENCES

if TYPE_CHECKING:
    from collections.abc import Callable

    from pictures.bad import BadPicture
    from staging.stage import Stage

    Upload = tuple[str, bytes]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


async def test_two_attachments(studio: Stage, photo: Upload, texture: Upload) -> None:
    """A photo and a style picture become one result: four pictures, each described, for one person."""
    channel, alice = studio.room()
    reply = await alice.slash(channel, "stylize", content=photo, style=texture, strength=70, mode="classic")
    await shows(reply, "In the manner of your style picture")
    assert reply.response is not None
    assert not reply.response.ephemeral

    result = await result_in(channel)
    assert list(gallery(result)) == ["content.jpg", "style_1.jpg", "pastiche.png", "curve.png"]
    assert "manner of your style picture" in gallery(result)["pastiche.png"]
    assert "at the end: content " in gallery(result)["curve.png"]
    assert re.search(r"classic · strength 70 · 64×43 px · [\d.]+ s · \d+ steps", text(result))
    assert [user.id for user in result.mentions] == [alice.id]

    pictures = await pictures_of(result)
    pastiche = pictures["pastiche.png"].convert("RGB")
    content = Image.open(io.BytesIO(photo[1])).resize((64, 43))
    assert pastiche.size == (64, 43)
    assert pastiche.tobytes() != content.tobytes()
    assert min(high - low for low, high in pastiche.getextrema()) > 20
    assert pictures["curve.png"].format == "PNG"

    await shows(reply, result.jump_url)
    assert buttons(reply.response) == {}
    assert len(channel.history()) == 2


async def test_preset_in_japanese(studio: Stage, photo: Upload) -> None:
    """A painting picked by its Japanese title; card, result and descriptions are in Japanese."""
    channel, alice = studio.room()
    with speaking("ja"):
        reply = await alice.slash(
            channel, "stylize", content=photo, preset="神奈川沖浪裏", size=96, mode="classic"
        )
    style = "葛飾北斎「神奈川沖浪裏（冨嶽三十六景）」"
    await shows(reply, f"### {style}の画風で")
    result = await result_in(channel)
    assert f"### {style}の画風で" in text(result)
    assert "さん、描き上がりました。" in text(result)
    assert "正統派 · 強さ 50 · 96×64 px" in text(result)
    assert gallery(result)["pastiche.png"] == f"仕上がり：コンテンツ画像を{style}の画風で描き直した絵"
    await shows(reply, "[絵を見る]")


async def test_menu_form_and_mixture(studio: Stage, photo: Upload, texture: Upload) -> None:
    """A picture that somebody posted, a painting and an uploaded style, mixed by the real painter."""
    channel, alice = studio.room()
    message = await alice.send(channel, "look", attachments=[photo])
    words = words_in("ja")
    with speaking("ja"):
        form = await alice.context_menu(channel, words_in("en").say("menu.stylize"), message)
        card = await alice.submit_modal(form, {"preset": ["kiss"], "style": texture, "strength": ["80"]})
        result = await result_in(channel)
    assert words.say("result.style_alt", style="お手本の画像") in gallery(result).values()
    assert [name.partition(".")[0] for name in gallery(result)] == [
        "content", "style_1", "style_2", "pastiche", "curve",
    ]  # fmt: skip
    pictures = await pictures_of(result)
    assert pictures["pastiche.png"].size == (64, 43)
    assert pictures["style_2.jpg"].size == (80, 80)
    await shows(card, "[絵を見る]")


async def test_keep_colors(studio: Stage, photo: Upload) -> None:
    """A grey photo stays grey under a colourful painting; without the option it does not."""
    channel, alice = studio.room()
    colourfulness = {}
    for kept in (True, False):
        card = await alice.slash(
            channel, "stylize", content=photo, preset="scream", mode="draft", keep_colors=kept
        )
        await until(lambda: len(results(channel)) == len(colourfulness) + 1, within_s=90)
        newest = max(results(channel), key=lambda result: result.id)
        await shows(card, newest.jump_url)
        _, saturation, _ = (await pictures_of(newest))["pastiche.png"].convert("HSV").split()
        colourfulness[kept] = ImageStat.Stat(saturation).mean[0]
    assert colourfulness[True] < 20 < colourfulness[False]


async def test_content_and_style_may_be_the_same(studio: Stage, photo: Upload) -> None:
    """It is allowed, if not exciting."""
    channel, alice = studio.room()
    await alice.slash(channel, "stylize", content=photo, style=photo, mode="classic")
    assert (await pictures_of(await result_in(channel)))["pastiche.png"].size == (64, 43)


async def test_nothing_hidden_in_a_picture_is_posted(studio: Stage) -> None:
    """Place, maker, comment and file name of an upload stand nowhere: not in files, texts or the store."""
    channel, alice = studio.room()
    exif = Image.Exif()
    exif[0x010F], exif[0x8825] = "Hidden maker", {1: "N", 2: (51.0, 30.0, 26.0), 29: "Hidden day"}
    buffer = io.BytesIO()
    hidden = {"exif": exif, "comment": b"Hidden comment", "xmp": b"<x>Hidden words</x>"}
    Image.radial_gradient("L").convert("RGB").save(buffer, "JPEG", **hidden)
    assert buffer.getvalue().count(b"Hidden") >= 3
    upload = ("../../Hidden @everyone **name**.jpg", buffer.getvalue())
    reply = await alice.slash(channel, "stylize", content=upload, style=upload, mode="draft")
    result = await result_in(channel)
    await shows(reply, result.jump_url)
    files = {file.filename: await file.read() for file in result.attachments}
    assert [name for name, data in files.items() if b"idden" in data] == []
    pictures = await pictures_of(result)
    assert {name: dict(picture.getexif()) for name, picture in pictures.items()} == {key: {} for key in files}
    assert "idden" not in f"{text(result)} {gallery(result)} {text(reply.response)} {list(files)}"
    stored = studio.bot.settings.data.rglob("*")
    assert [path for path in stored if "idden" in path.name] == []


async def test_every_bad_picture(studio: Stage, photo: Upload, bad_picture: BadPicture) -> None:
    """Whatever is wrong with a file, its owner is told alone, and no card stays behind."""
    channel, alice = studio.room()
    upload = (bad_picture.filename, bad_picture.data)
    reply = await alice.slash(channel, "stylize", content=photo, style=upload)
    assert says(await refusal(reply), SENTENCES[bad_picture.code])
    assert channel.history() == []


async def test_bad_content_in_japanese(studio: Stage, bad_named: Callable[[str], BadPicture]) -> None:
    """What the worker finds out is told in the person's language, not in the server's."""
    channel, alice = studio.room()
    content = ("cut.png", bad_named("cut-png").data)
    with speaking("ja", guild_locale="en-US"):
        reply = await alice.slash(channel, "stylize", content=content, preset="scream")
    sentence = await refusal(reply)
    assert says(sentence, words_in("ja").refusals["image_damaged"])
    assert sentence.startswith("コンテンツ画像")


async def test_worker_survives_bad_pictures(
    studio: Stage, photo: Upload, bad_named: Callable[[str], BadPicture]
) -> None:
    """The same process refuses one picture and paints the next."""
    channel, alice = studio.room()
    before = studio.worker_pid
    content = ("cut.jpg", bad_named("cut-jpeg").data)
    await refusal(await alice.slash(channel, "stylize", content=content, preset="scream"))
    await alice.slash(channel, "stylize", content=photo, preset="scream")
    await result_in(channel)
    assert studio.worker_pid == before


async def test_stop_here_keeps_the_picture(studio: Stage, photo: Upload) -> None:
    """The best picture so far is posted, in full size, and says that it was stopped."""
    channel, alice = studio.room()
    reply = await alice.slash(channel, "stylize", content=photo, preset="great_wave", size=512)
    await runs(reply)
    assert list(gallery_of(reply)) == ["preview.jpg"]
    await alice.click(reply.response, label="Stop here")
    result = await result_in(channel)
    assert "Stopped early, on request." in text(result)
    assert max((await pictures_of(result))["pastiche.png"].size) == 512


async def test_killed_worker(studio: Stage, photo: Upload) -> None:
    """After kill -9 in the middle of a job the card says that it started again, and the picture comes."""
    channel, alice = studio.room()
    reply = await alice.slash(channel, "stylize", content=photo, preset="great_wave", size=128)
    await until(lambda: "Stop here" in buttons(reply.response), within_s=60)
    job_id = job_of(reply)
    os.kill(studio.worker_pid, signal.SIGKILL)
    result = await result_in(channel)
    assert max((await pictures_of(result))["pastiche.png"].size) == 128
    assert "started again" in str(studio.sent("PATCH", ".*/messages/@original"))
    await shows(reply, result.jump_url)  # said once the delivery is on record
    job = await studio.bot.service.get(job_id)
    assert job is not None
    assert (job.state, job.deaths) == ("done", 1)
