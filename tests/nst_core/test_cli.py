"""`nst`, from its arguments to files, output and exit status."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageChops

from nst_core import presets
from nst_core.__main__ import main
from nst_core.images import encode, load_image, read_settings, to_pil

if TYPE_CHECKING:
    from collections.abc import Callable

    from pictures.bad import BadPicture
    from pictures.good import GoodPicture

ROOT = Path(__file__).parents[2]
PHOTO = presets.FOLDER / "kiss.jpg"
SCREAM = presets.FOLDER / "scream.jpg"
PNG = b"\x89PNG\r\n\x1a\n"
NST = [sys.executable, "-m", "nst_core"]


def order(out: Path, *more: object, content: Path = PHOTO, style: str = "scream") -> list[str]:
    """Return the arguments of a painting that takes about a second."""
    return ["stylize", str(content), "--style", style, "-o", str(out), "--size", "64", *map(str, more)]


def refused(capsys: pytest.CaptureFixture[str], argv: list[str], folder: Path) -> str:
    """Run a command that the person has to mend; return its one line, having checked that it left nothing."""
    before = sorted(folder.rglob("*"))

    status = main(argv)

    captured = capsys.readouterr()
    assert status == 2
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert len(captured.err) < 700
    assert "Traceback" not in captured.err
    assert sorted(folder.rglob("*")) == before
    return captured.err.removeprefix("error: ").strip()


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """A painting by the real program in a process of its own: its JSON, and its file."""
    folder = tmp_path_factory.mktemp("painted")
    choices = ("--mode", "classic", "--strength", 70, "--brush", 150, "--seed", 5, "--keep-colors")
    argv = order(folder / "out.png", "--json", *choices, "--curve", folder / "curve.png")

    done = subprocess.run([*NST, *argv], capture_output=True, text=True, timeout=120, check=True, cwd=ROOT)

    assert done.stderr == ""
    data: dict[str, Any] = json.loads(done.stdout)
    return data, folder / "out.png"


def test_json_is_one_object_with_everything_that_was_promised(painted: tuple[dict[str, Any], Path]) -> None:
    """Output, size, mode, device, time, every step's losses, and all settings."""
    data, out = painted

    assert set(data) == {
        *("output", "width_px", "height_px", "mode", "device", "seconds", "steps", "seed", "losses", "params")
    }
    assert data["output"] == str(out)
    assert (data["mode"], data["device"], data["seed"]) == ("classic", "cpu", 5)
    assert set(data["losses"]) == {"content", "style", "tv", "total"}
    assert all(len(values) == data["steps"] > 1 for values in data["losses"].values())
    assert data["losses"]["total"][-1] < data["losses"]["total"][0]
    chosen = [data["params"][name] for name in ("strength", "brush", "keep_colors")]
    assert chosen == [70, 150, True]
    assert 0 < data["seconds"] < 120


def test_the_painting_has_the_photos_shape_and_is_not_the_photo(
    painted: tuple[dict[str, Any], Path],
) -> None:
    """The long side is what was asked for, the other follows, and the pixels were painted."""
    data, out = painted

    with Image.open(out) as picture, Image.open(PHOTO) as photo:
        assert picture.format == "PNG"
        assert picture.size == (data["width_px"], data["height_px"]) == (64, 64)
        small = photo.convert("RGB").resize(picture.size)
        changed = sum(abs(a - b) for a, b in zip(picture.tobytes(), small.tobytes(), strict=True))
    assert changed / (64 * 64 * 3) > 5


def test_the_curve_is_a_png(painted: tuple[dict[str, Any], Path]) -> None:
    """--curve draws the losses beside the painting."""
    assert painted[1].with_name("curve.png").read_bytes().startswith(PNG)


def test_a_painting_remembers_its_settings_but_no_folder(painted: tuple[dict[str, Any], Path]) -> None:
    """They are in the file, so that it can be repeated; nothing in it tells where it was made."""
    data, out = painted

    settings = read_settings(out.read_bytes())

    assert settings == data["params"]
    assert settings["styles"] == [{"preset": "scream", "weight": 1.0}]
    assert str(out.parent).encode() not in out.read_bytes()


def test_like_repeats_a_painting_exactly(
    painted: tuple[dict[str, Any], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Same content and settings give the same file."""
    again = tmp_path / "again.png"

    assert main(["stylize", str(PHOTO), "--like", str(painted[1]), "-o", str(again)]) == 0

    assert again.read_bytes() == painted[1].read_bytes()
    assert capsys.readouterr().out.startswith(f"{again}: 64×64 px, classic, ")


def test_options_win_over_like_and_the_ending_chooses_the_format(
    painted: tuple[dict[str, Any], Path], tmp_path: Path, good_named: Callable[[str], GoodPicture]
) -> None:
    """Strength and style as given, the rest as before.

    Capitals in the ending are fine, and so are a broken profile and one picture as content and style.
    """
    content, out = tmp_path / "photo.jpg", tmp_path / "out.JPG"
    content.write_bytes(good_named("jpeg-broken-profile").data)
    out.write_bytes(b"an older painting")
    given = ["--like", str(painted[1]), "--strength", "10", "--no-keep-colors", "--style", str(content)]

    assert main(["stylize", str(content), *given, "-o", str(out)]) == 0

    with Image.open(out) as picture:
        assert picture.format == "JPEG"
        assert picture.size == (64, 43)
    settings = read_settings(out.read_bytes())
    assert settings is not None
    assert (settings["strength"], settings["seed"], settings["long_side_px"]) == (10, 5, 64)
    assert settings["keep_colors"] is False
    assert settings["styles"][0]["file"] == "photo.jpg"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.JPG", "photo.jpg"]


def test_a_cmyk_photo_is_painted_in_two_manners(
    tmp_path: Path, good_named: Callable[[str], GoodPicture]
) -> None:
    """--style can be repeated, with weights and titles, and the painting remembers all of it."""
    content, out = tmp_path / "print.jpg", tmp_path / "out.webp"
    content.write_bytes(good_named("jpeg-cmyk").data)

    assert main([*order(out, content=content, style="The Scream:1"), "--style", "composition_viii:3"]) == 0

    settings = read_settings(out.read_bytes())
    assert settings is not None
    assert settings["styles"] == [
        {"preset": "scream", "weight": 1.0},
        {"preset": "composition_viii", "weight": 3.0},
    ]


def test_a_bad_content_picture_is_refused(
    bad_picture: BadPicture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every kind of bad file: exit status 2, one line about the content picture, no file."""
    content = tmp_path / bad_picture.filename
    content.write_bytes(bad_picture.data)

    line = refused(capsys, order(tmp_path / "out.png", content=content), tmp_path)

    assert line.startswith("The content picture ")


@pytest.mark.parametrize("name", ["empty", "text", "cut-png", "svg", "too-large"])
def test_a_bad_style_picture_is_refused(
    bad_named: Callable[[str], BadPicture], tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """The line says that it is the style picture."""
    style = tmp_path / bad_named(name).filename
    style.write_bytes(bad_named(name).data)

    line = refused(capsys, order(tmp_path / "out.png", style=str(style)), tmp_path)

    assert line.startswith("The style picture ")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--strength", "101"], "strength is 101: choose a whole number from 0 to 100."),
        (["--strength", "-1"], "strength is -1: choose a whole number from 0 to 100."),
        (["--strength", "much"], "argument --strength: “much” is not a whole number."),
        (["--strength"], "argument --strength: expected one argument."),
        (["--size", "63"], "size is 63: choose a whole number from 64 to 4096."),
        (["--size", "99999"], "size is 99999: choose a whole number from 64 to 4096."),
        (["--seed", "-1"], "seed is -1"),
        (["--mode", "draft", "--curve", "curve.png"], "A draft is painted in one step and has no loss curve"),
        (["--mode", "cubist"], "mode is “cubist”: choose one of draft, classic, best."),
        (["--extractor", "resnet"], "extractor is “resnet”: choose one of vgg16, vgg19."),
        (["--device", "cuda:77"], "device is “cuda:77”: choose one of auto, "),
        (["--device", "abacus"], "device is “abacus”: choose one of auto, "),
        (["--strenght", "5"], "--strenght is not understood here: did you mean --strength?"),
        (["--timelaps", "x.webp"], "--timelaps is not understood here: did you mean --timelapse?"),
        (["--timelapse", "x.gif"], "“x.gif” must end in .webp"),
        (
            ["--style", "stary_nihgt"],
            "There is no painting called “stary_nihgt”. Did you mean “starry_night”?",
        ),
        (
            ["--style", "qqqq"],
            "There is no painting called “qqqq”. Pick one from the list of paintings. `nst p",
        ),
        (["--style", "scream:0"], "“scream:0” needs a number above 0 after its colon"),
        (["--style", "scream:-2"], "“scream:-2” needs a number above 0 after its colon"),
        (["--style", "scream:nan"], "“scream:nan” needs a number above 0 after its colon"),
        (["--style", "scream:lots"], "“scream:lots” needs a number above 0 after its colon"),
        (["--style", "nowhere/a.jpg"], "There is no picture file called “a.jpg” that I can open"),
        (["--style", "a" * 5000 + ".jpg"], "There is no picture file called “aaa"),
        (["--style", ""], "There is no painting called “”."),
        (["--like", "nowhere.png"], "There is no picture file called “nowhere.png” that I can open"),
        (["--like", str(SCREAM)], "carries no settings: give --like a picture that Gafuu painted."),
        (["--curve", "curve.jpg"], "“curve.jpg” must end in .png"),
        (["another.jpg"], "another.jpg is not understood here: "),
    ],
)
def test_a_wrong_option_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str], words: str
) -> None:
    """One line that names the option and says what can be given."""
    assert words in refused(capsys, [*order(tmp_path / "out.png"), *argv], tmp_path)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "the following arguments are required: COMMAND. `nst --help` shows what can be given."),
        (["paint"], "argument COMMAND: invalid choice: 'paint'"),
        (["stylize"], "the following arguments are required: CONTENT, -o/--output."),
        (["stylize", str(PHOTO), "--style", "scream"], "the following arguments are required: -o/--output."),
        (["stylize", str(PHOTO), "-o", "out.png"], "Choose a manner of painting: --style with a picture"),
        (
            ["stylize", "none.jpg", "--style", "scream", "-o", "o.png"],
            "There is no picture file called “none.jpg”",
        ),
        (["stylize", ".", "--style", "scream", "-o", "o.png"], "There is no picture file called “.”"),
        (["presets", "--jason"], "--jason is not understood here: did you mean --json?"),
        (["doctor", "now"], "now is not understood here: `nst doctor --help` shows what can be given."),
    ],
)
def test_a_wrong_command_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    words: str,
) -> None:
    """What is missing or too much is said in one line, with where to read on."""
    monkeypatch.chdir(tmp_path)

    assert words in refused(capsys, argv, tmp_path)


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("out.gif", "must end in .png, .jpg, .jpeg or .webp"),
        ("out", "must end in .png, .jpg, .jpeg or .webp"),
        ("missing/out.png", "to write into: make it first."),
        ("folder.png", "is a folder: name a file to write."),
        ("photo.jpg", "would overwrite a picture that is needed: choose another name."),
        ("link.jpg", "would overwrite a picture that is needed: choose another name."),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_painting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, words: str
) -> None:
    """Nobody waits a minute for a painting that has nowhere to go, and no photo is overwritten."""
    photo = shutil.copy(PHOTO, tmp_path / "photo.jpg")
    (tmp_path / "link.jpg").symlink_to(photo)
    (tmp_path / "folder.png").mkdir()

    assert words in refused(capsys, order(tmp_path / out, content=photo), tmp_path)
    assert photo.read_bytes() == PHOTO.read_bytes()


def test_the_curve_cannot_take_the_paintings_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both under one name would lose one of them."""
    out = tmp_path / "out.png"

    assert "would overwrite" in refused(capsys, order(out, "--curve", out), tmp_path)


def test_a_timelapse_is_written_beside_the_painting(tmp_path: Path) -> None:
    """An animation that begins with the photo and ends with the painting."""
    out, lapse = tmp_path / "out.png", tmp_path / "lapse.webp"
    assert main(order(out, "--mode", "draft", "--timelapse", lapse)) == 0
    with Image.open(lapse) as animation:
        assert (animation.format, animation.size) == ("WEBP", (64, 64))
        assert getattr(animation, "n_frames", 1) == 2


def test_a_timelapse_in_the_paintings_place_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of the two would be lost."""
    out = tmp_path / "out.webp"
    assert "would overwrite" in refused(capsys, order(out, "--timelapse", out), tmp_path)


def test_a_mask_leaves_the_photo_where_it_is_black(tmp_path: Path) -> None:
    """The right half is the photo as it was; the painting remembers the mask's name and no folder."""
    mask, out, plain = tmp_path / "left.png", tmp_path / "out.png", tmp_path / "plain.png"
    left = Image.new("L", (64, 64))
    left.paste(255, (0, 0, 32, 64))
    left.save(mask)

    assert main(order(out, "--mode", "draft", "--mask", mask)) == 0
    assert main(order(plain, "--mode", "draft")) == 0

    small = to_pil(load_image(PHOTO, long_side_px=64))
    with Image.open(out) as picture, Image.open(plain) as whole:
        right, rest = (40, 0, 64, 64), (0, 0, 24, 64)
        kept = ImageChops.difference(picture.crop(right), small.crop(right))
        assert max(high for _, high in kept.getextrema()) <= 1
        assert picture.crop(rest).tobytes() == whole.crop(rest).tobytes()
    settings = read_settings(out.read_bytes())
    assert settings is not None
    assert settings["mask"]["file"] == "left.png"
    assert str(tmp_path).encode() not in out.read_bytes()


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (Image.new("L", (64, 64)), "The mask is black all over"),
        (Image.new("L", (64, 40), 255), "The mask has another shape than the content picture"),
        (None, "There is no picture file called “mask.png” that I can open"),
    ],
)
def test_a_mask_that_cannot_be_used_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mask: Image.Image | None, words: str
) -> None:
    """One line that says what to do, and nothing is painted."""
    if mask is not None:
        mask.save(tmp_path / "mask.png")
    argv = order(tmp_path / "out.png", "--mask", tmp_path / "mask.png")
    assert words in refused(capsys, argv, tmp_path)


def test_a_download_without_a_network_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that names the painting and says what works instead."""
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the discard port: nobody listens
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    line = refused(capsys, order(tmp_path / "out.png", style="water_lilies"), tmp_path)

    assert line.startswith("“Water Lilies” has to be downloaded first")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mode": "cubist", "styles": [{"preset": "scream"}]}, "mode is “cubist”: choose one of draft, "),
        ({"strength": "x\x1b[31m\n", "styles": [{"preset": "scream"}]}, "strength is x [31m : choose"),
        ({"strength": True, "styles": [{"preset": "scream"}]}, "strength is True: choose"),
        ({"styles": [{"preset": "lost_painting"}]}, "There is no painting called “lost_painting”."),
        ({"styles": [{"preset": "scream", "weight": -1}]}, "needs a number above 0"),
        ({"styles": [{"file": "my\x1b[2Jcat.jpg"}]}, "your own picture “my[2Jcat.jpg”: give it again"),
        ({"styles": "scream"}, "does not say after what it was painted: name it with --style."),
        ({"styles": [["scream"]]}, "does not say after what it was painted: name it with --style."),
        ({}, "does not say after what it was painted: name it with --style."),
        (
            {"extractor": "x", "styles": [{"preset": "scream"}]},
            "extractor is “x”: choose one of vgg16, vgg19.",
        ),
    ],
)
def test_strange_settings_in_a_picture_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: dict[str, Any], words: str
) -> None:
    """A picture from a stranger can say anything; the answer is still one plain line."""
    like = tmp_path / "like.png"
    like.write_bytes(encode(Image.new("RGB", (64, 64)), format="png", settings=settings).data)

    argv = ["stylize", str(PHOTO), "--like", str(like), "-o", str(tmp_path / "out.png"), "--size", "64"]

    assert words in refused(capsys, argv, tmp_path)


def test_presets_lists_every_painting(capsys: pytest.CaptureFixture[str]) -> None:
    """As text one line each; as JSON one object with both languages, licence and source."""
    assert main(["presets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert main(["presets", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)

    known = list(presets.all_presets().values())
    assert [line.split()[0] for line in lines] == [entry["id"] for entry in data["presets"]]
    assert [entry["id"] for entry in data["presets"]] == [preset.id for preset in known]
    assert [entry["bundled"] for entry in data["presets"]] == [preset.bundled for preset in known]
    assert data["presets"][0]["title_ja"] == "星月夜"
    assert all(entry["licence"] and entry["source"] for entry in data["presets"])
    wave = next(line for line in lines if line.startswith("great_wave"))
    assert all(word in wave for word in ("Katsushika Hokusai", "c. 1831", "bundled", "GPL-3.0-or-later"))


def test_lists_help_and_mistakes_come_without_torch(tmp_path: Path) -> None:
    """Nobody waits seconds to be told about a slip of the finger."""
    mistakes = [
        ["presets"],
        order(tmp_path / "out.png", "--strength", 101),
        order(tmp_path / "out.png", style="stary_night"),
        order(tmp_path / "missing" / "out.png"),
        order(tmp_path / "out.png", "--mode", "draft", "--curve", tmp_path / "curve.png"),
    ]
    code = (
        "import sys; from nst_core.__main__ import main\n"
        f"print([main(argv) for argv in {mistakes!r}], file=sys.stderr)\n"
        "assert not {'torch', 'PIL', 'numpy', 'matplotlib'} & set(sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stderr.endswith("[0, 2, 2, 2, 2]\n")


def test_help_and_version_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """They end the program well, and speak of every option."""
    for argv in (["--help"], ["stylize", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as caught:
            main(argv)
        assert caught.value.code == 0
    words = capsys.readouterr().out

    assert all(option in words for option in ("--style", "--like", "--keep-partial", "--curve", "--json"))
    assert "nst 0." in words


def test_a_mistake_in_the_real_program_is_one_line(tmp_path: Path) -> None:
    """As a person sees it: exit status 2, stderr one line, stdout and folder empty."""
    done = subprocess.run(
        [*NST, *order(tmp_path / "out.png", "--strength", 101)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: strength is 101: choose a whole number from 0 to 100.\n"
    assert not list(tmp_path.iterdir())


def test_missing_libraries_are_said_in_one_line(tmp_path: Path) -> None:
    """On a machine that has only the bot's parts, the line says what to install."""
    code = (
        "import sys; sys.modules['torch'] = None; from nst_core.__main__ import main\n"
        f"sys.exit(main({order(tmp_path / 'out.png')!r}))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)

    assert (done.returncode, done.stderr) == (
        2,
        "error: torch is not installed: pip install 'gafuu[worker]'\n",
    )


def test_a_fault_leaves_a_log_and_says_where(tmp_path: Path) -> None:
    """A damaged installation is not the person's mistake: exit status 1, an id, the traceback in a file."""
    shutil.copytree(ROOT / "nst_core", tmp_path / "nst_core", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "nst_core" / "presets" / "scream.jpg").write_bytes(SCREAM.read_bytes()[:-1])
    environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}

    done = subprocess.run(
        [*NST, *order(tmp_path / "out.png")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environ,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    (log,) = (tmp_path / "state").rglob("*.log")
    assert str(log) in done.stderr
    fault_id = log.stem.removeprefix("nst-fault-")
    assert f"(fault {fault_id})" in done.stderr
    assert "Traceback" in log.read_text(encoding="utf-8")
    assert "scream.jpg is not the one that was shipped" in log.read_text(encoding="utf-8")
    assert not (tmp_path / "out.png").exists()


def test_a_reader_that_leaves_early_is_no_fault() -> None:
    """`nst presets | head -1` ends quietly."""
    with subprocess.Popen([*NST, "presets"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as nst:
        assert nst.stdout is not None
        assert nst.stderr is not None
        nst.stdout.close()
        errors = nst.stderr.read()

    assert (nst.returncode, errors) == (0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal and SIGINT")
@pytest.mark.parametrize("keep", [True, False])
def test_interrupting_keeps_the_picture_only_on_request(tmp_path: Path, *, keep: bool) -> None:
    """Ctrl-C in the middle: status 130; with --keep-partial the picture so far, whole and in full size."""
    out = tmp_path / "out.png"
    argv = [*order(out, "--size", 320, "--json"), *(["--keep-partial"] if keep else [])]

    status, screen, stdout = interrupted(argv)

    assert status == 130
    assert "] 3/" in screen
    assert "left  match" in screen
    if not keep:
        assert screen.rstrip().endswith("error: interrupted; nothing was written")
        assert not list(tmp_path.iterdir())
        return
    with Image.open(out) as picture:
        assert max(picture.size) == 320
    data = json.loads(stdout)
    assert 3 <= data["steps"] == len(data["losses"]["total"])
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def interrupted(argv: list[str]) -> tuple[int, str, str]:
    """Run `nst` at a terminal, press Ctrl-C at step 3; return status, what the terminal showed, stdout."""
    terminal, its_end = os.openpty()
    # Started in the background, a shell has Ctrl-C ignored, and its children's children inherit that.
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    nst = subprocess.Popen([*NST, *argv], stdout=subprocess.PIPE, stderr=its_end, cwd=ROOT)
    signal.signal(signal.SIGINT, ours)
    os.close(its_end)
    screen, pressed, deadline = b"", False, time.monotonic() + 100
    while time.monotonic() < deadline:
        try:
            screen += os.read(terminal, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        if b"] 3/" in screen and not pressed:
            nst.send_signal(signal.SIGINT)
            pressed = True
    stdout, _ = nst.communicate(timeout=60)
    os.close(terminal)
    return nst.returncode, screen.decode(), io.TextIOWrapper(io.BytesIO(stdout), encoding="utf-8").read()
