"""The form of a bare `/stylize`, and more than one style, from end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from staging.seen import buttons, fields, gallery, refusal, result_in, results, says, shows, text
from staging.stage import speaking

from bot.i18n import words_in
from bot.rehearsal.realtime import until
from nst_core.errors import SENTENCES

if TYPE_CHECKING:
    import discord
    from staging.stage import Stage

    Upload = tuple[str, bytes]

on_stage = pytest.mark.asyncio(loop_scope="module")


async def presets_of(stage: Stage, result: discord.Message) -> tuple[tuple[str | None, ...], Any]:
    """Return the styles and params of the job behind a result."""
    job_id = next(iter(buttons(result).values())).rpartition(":")[2]
    job = await stage.bot.service.get(job_id)
    assert job is not None
    return job.presets, job.params


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_bare_command_opens_a_form(stage: Stage, photo: Upload, language: str) -> None:
    """It asks for two files, a painting and the strength, in the person's language; then it paints."""
    channel, alice = stage.room()
    words = words_in(language)
    with speaking(language):
        form = await alice.slash(channel, "stylize")
        assert form.modal is not None
        assert form.modal["title"] == words.say("form.title")
        asked = fields(form)
        assert list(asked) == ["content", "preset", "style", "strength"]
        assert [part["label"] for part in asked.values()] == [words.say(f"form.{name}") for name in asked]
        options = asked["preset"]["component"]["options"]
        assert len(options) == 25
        assert options[1]["label"] == {"en": "The Great Wave off Kanagawa"}.get(
            language, "神奈川沖浪裏（冨嶽三十六景）"
        )
        answers = {"content": photo, "preset": ["kiss"], "strength": ["70"]}
        card = await alice.submit_modal(form, answers)
        result = await result_in(channel)
    presets, params = await presets_of(stage, result)
    assert (presets, params.strength) == (("kiss",), 70)
    await shows(card, result.jump_url)


@on_stage
async def test_form_keeps_the_options_that_were_given(stage: Stage, photo: Upload) -> None:
    """Whoever typed some options and forgot the picture is asked for that alone."""
    channel, alice = stage.room()
    form = await alice.slash(channel, "stylize", preset="scream", strength=35, brush=200, keep_colors=True)
    assert list(fields(form)) == ["content", "strength"]
    chosen = [
        option["value"] for option in fields(form)["strength"]["component"]["options"] if option["default"]
    ]
    assert chosen == ["35"]
    await alice.submit_modal(form, {"content": photo})
    presets, params = await presets_of(stage, await result_in(channel))
    assert presets == ("scream",)
    assert (params.strength, params.brush, params.keep_colors) == (35, 200, True)


@on_stage
async def test_wrong_option_is_told_before_the_form(stage: Stage) -> None:
    """Nobody looks for files only to be refused."""
    channel, alice = stage.room()
    reply = await alice.slash(channel, "stylize", preset="no such thing")
    assert says(await refusal(reply), SENTENCES["preset_unknown"].replace("{hint}", SENTENCES["hint_list"]))
    assert reply.modal is None


@on_stage
async def test_painting_and_picture_of_a_form_are_mixed(stage: Stage, photo: Upload, texture: Upload) -> None:
    """Both together are no mistake that would cost the files, but a wish for half of each."""
    channel, alice = stage.room()
    form = await alice.slash(channel, "stylize")
    await alice.submit_modal(form, {"content": photo, "preset": ["scream"], "style": texture})
    result = await result_in(channel)
    assert "In the manner of The Scream (Edvard Munch) + your style picture" in text(result)
    shown = gallery(result)
    assert list(shown) == ["content.jpg", "style_1.jpg", "style_2.jpg", "pastiche.png", "curve.png"]
    assert (shown["style_1.jpg"], shown["style_2.jpg"]) == (
        "Style: The Scream (Edvard Munch)",
        "Style: your style picture",
    )


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_form_without_a_style_is_refused(stage: Stage, photo: Upload, language: str) -> None:
    """One sentence for the person alone, as for the command."""
    channel, alice = stage.room()
    with speaking(language):
        sent = await alice.submit_modal(await alice.slash(channel, "stylize"), {"content": photo})
    assert await refusal(sent) == words_in(language).refusals["style_missing"]
    assert channel.history() == []


@on_stage
async def test_second_style(stage: Stage, photo: Upload, texture: Upload) -> None:
    """An attachment more is half of the style, beside a preset or a picture."""
    channel, alice = stage.room()
    await alice.slash(channel, "stylize", content=photo, preset="kiss", second_style=texture)
    result = await result_in(channel)
    job_id = next(iter(buttons(result).values())).rpartition(":")[2]
    job = await stage.bot.service.get(job_id)
    assert job is not None
    assert (job.presets, job.weights) == (("kiss", None), (1.0, 1.0))


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_second_style_alone_is_refused(
    stage: Stage, photo: Upload, texture: Upload, language: str
) -> None:
    """There is nothing to mix it with; a bad one is told as the second."""
    channel, alice = stage.room()
    refusals = words_in(language).refusals
    with speaking(language):
        alone = await alice.slash(channel, "stylize", content=photo, second_style=texture)
        bad = await alice.slash(
            channel, "stylize", content=photo, style=texture, second_style=("notes.txt", b"Dear diary")
        )
    assert await refusal(alone) == refusals["style_missing"]
    assert (await refusal(bad)).startswith(refusals["role_second_style"])
    assert channel.history() == []


@on_stage
async def test_missing_permissions_are_named_before_the_form(stage: Stage) -> None:
    """Nobody fills in a form whose picture could not be posted."""
    channel, _ = stage.room(attach_files=False)
    owner = stage.person("owner-form", administrator=True)
    reply = await owner.slash(channel, "stylize")
    assert "(Attach Files)" in await refusal(reply)
    assert reply.modal is None


@on_stage
async def test_form_that_is_sent_twice_at_once(stage: Stage, photo: Upload) -> None:
    """Two people's forms do not get mixed up."""
    channel, alice = stage.room()
    bob = stage.person("bob-form")
    forms = [await who.slash(channel, "stylize") for who in (alice, bob)]
    await alice.submit_modal(forms[0], {"content": photo, "preset": ["kiss"]})
    await bob.submit_modal(forms[1], {"content": photo, "preset": ["scream"]})
    await until(lambda: len(results(channel)) == 2, within_s=60)
    styles = {each.mentions[0].id: (await presets_of(stage, each))[0] for each in results(channel)}
    assert styles == {alice.id: ("kiss",), bob.id: ("scream",)}
