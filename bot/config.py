"""`config.toml` → frozen settings. Secrets come from the environment only.

`config.example.toml` lists every key with its unit, range and reason.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from bot.pool.devices import parse_devices
from nst_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRETS: Final = {"token": "DISCORD_TOKEN", "nats_token": "NATS_TOKEN"}
"""Fields of the settings that come from the environment, and from nowhere else."""
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Pixels = Annotated[int, Field(ge=64, le=4096)]


class Section(BaseModel):
    """A table of the file: frozen, and a key nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class DiscordSection(Section):
    """How the bot behaves on Discord."""

    edit_every_s: Annotated[float, Field(ge=1, le=60)] = 3.0
    dev_guild: Annotated[int, Field(ge=0, lt=2**63)] = 0


class LimitsSection(Section):
    """What one person, and everybody together, may ask for."""

    upload_mib: Annotated[float, Field(gt=0, le=100)] = 25.0
    megapixels: Annotated[float, Field(gt=0, le=200)] = 64.0
    queue: Count = 100
    per_person: Count = 3


class WorkersSection(Section):
    """Where the painting happens."""

    backend: Literal["local", "nats"] = "local"
    devices: Annotated[str, Field(min_length=1)] = "auto"
    job_timeout_s: Positive = 900.0
    stall_s: Positive = 120.0
    start_timeout_s: Positive = 120.0
    stop_grace_s: Positive = 5.0
    drain_s: Annotated[float, Field(ge=0)] = 20.0
    recycle_after: Count = 200


class NatsSection(Section):
    """The server that joins bot and nodes, with the backend "nats"."""

    url: Annotated[str, Field(pattern=r"^(nats|tls)://[^@\s]+$")] = "nats://127.0.0.1:4222"
    ca_file: str = ""
    lost_after_s: Annotated[float, Field(ge=3, le=600)] = 6.0


class StyleSection(Section):
    """What is painted when a person leaves an option out."""

    mode: Literal["draft", "classic", "best"] = "best"
    strength: Annotated[int, Field(ge=0, le=100)] = 50
    long_side_px: Pixels = 512
    largest_px: Pixels = 1024
    extractor: Literal["vgg16", "vgg19"] = "vgg16"


class StoreSection(Section):
    """Where the bot keeps what it must not forget."""

    path: Annotated[str, Field(min_length=1)] = "data"
    inputs_days: Annotated[float, Field(gt=0)] = 30.0
    results_days: Annotated[float, Field(gt=0)] = 30.0


class WebSection(Section):
    """Health and metrics over HTTP."""

    host: Annotated[str, Field(pattern=r"^[0-9A-Za-z:.-]+$")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0


class LogSection(Section):
    """What is written to standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Settings(Section):
    """Everything, checked."""

    discord: DiscordSection = DiscordSection()
    limits: LimitsSection = LimitsSection()
    workers: WorkersSection = WorkersSection()
    nats: NatsSection = NatsSection()
    style: StyleSection = StyleSection()
    store: StoreSection = StoreSection()
    web: WebSection = WebSection()
    log: LogSection = LogSection()
    token: SecretStr | None = None
    nats_token: SecretStr | None = None

    @property
    def data(self) -> Path:
        """The folder of the store."""
        return Path(self.store.path)


def load(path: Path | None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read a configuration file; None means every default.

    Raises:
        ConfigError: one line that names the file and the key, never a value.
    """
    environ = os.environ if environ is None else environ
    table = _read(path) if path else {}
    for key, variable in SECRETS.items():
        if key in table:
            raise ConfigError(f"{path}: {key}: a secret does not belong in a file; set {variable} instead")
    try:
        settings = Settings.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {key}: {first['msg']}") from None
    try:
        _look_outside(settings)
    except ConfigError as error:
        raise ConfigError(f"{path or 'default settings'}: {error}") from None
    secrets = {key: _secret(variable, environ) for key, variable in SECRETS.items()}
    return settings.model_copy(update=secrets)


def secrets_of(settings: Settings) -> list[str]:
    """Return what must never be written into a log."""
    known = (settings.token, settings.nats_token)
    return [secret.get_secret_value() for secret in known if secret is not None]


def _look_outside(settings: Settings) -> None:
    """Refuse what can be seen to be wrong before anything is started.

    Raises:
        ConfigError: names the key.
    """
    if settings.workers.devices.strip().lower() != "auto":
        parse_devices(settings.workers.devices)
    if settings.nats.ca_file and not Path(settings.nats.ca_file).is_file():
        raise ConfigError("nats.ca_file: No such file")
    if settings.data.exists() and not settings.data.is_dir():
        raise ConfigError("store.path: Not a folder")


def _secret(variable: str, environ: Mapping[str, str]) -> SecretStr | None:
    text = environ.get(variable, "").strip()
    if text and not (text.isascii() and text.isprintable() and " " not in text):
        raise ConfigError(f"environment: {variable}: no token has such characters in it; copy it again")
    return SecretStr(text) if text else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; copy config.example.toml to {path}") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
