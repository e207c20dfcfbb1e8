"""Every setting of the product, in one class.

Read once at the edge (the command line, a server, the caller of ``build_graph``) and passed down.
Each field can be set as an environment variable with the prefix ``HUGGINGGRAPH_`` or in ``.env``.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import AliasChoices, ByteSize, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError as UnreadableSettings,
)

from .errors import SettingsError

log = logging.getLogger("hugginggraph")
PREFIX = "HUGGINGGRAPH_"
_OF_KUBERNETES = re.compile(rf"{PREFIX}(SERVICE_HOST|SERVICE_PORT|PORT)(_|$)")
"""What Kubernetes sets in every container where a service is called hugginggraph."""


class Settings(BaseSettings):
    """What a person can set. The defaults need no key, no GPU and no network."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True
    )

    llm: str = Field(
        "",
        description="The controller LLM as `provider:model` (`openai:gpt-4o-mini`, "
        "`huggingface:HuggingFaceTB/SmolLM2-1.7B-Instruct`). Empty: the built-in planner.",
    )
    llm_base_url: str = Field("", description="Base URL of an OpenAI-compatible server.")
    llm_api_key: SecretStr | None = Field(
        None, description="Its key, where the provider's own variable is not set."
    )
    llm_timeout: float = Field(60.0, gt=0, description="Seconds to wait for one LLM reply.")
    planner: Literal["auto", "llm", "builtin"] = Field(
        "auto", description="Which planner: `auto` takes the LLM where one is set."
    )
    builtin_above: float = Field(
        1.0,
        ge=0,
        le=1,
        description="With an LLM: where the built-in planner is at least this sure, its plan is "
        "taken and no call made. `1`: never. `0.94` saves three calls in ten, and nine of ten such "
        "plans are right.",
    )
    approve: bool = Field(
        False, description="Whether every run stops before it starts, for a person's approval."
    )
    mode: Literal["local", "remote", "hybrid"] = Field(
        "hybrid",
        description="Where models run: `local` on this machine, `remote` on inference providers, "
        "`hybrid` here first and remotely what cannot run here.",
    )
    hf_provider: str = Field(
        "auto", description="The inference provider (`hf-inference`, `together`, …); `auto`: any."
    )
    hf_token: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("HUGGINGGRAPH_HF_TOKEN", "HF_TOKEN", "hf_token"),
        description="The Hub's token for inference providers, else `HF_TOKEN`. It is sent to the "
        "Hub only.",
    )
    hf_base_url: str = Field(
        "",
        pattern=r"^$|^https?://\S+$",
        description="An Inference API of one's own instead: it is asked at `/models/ID` below.",
    )
    hf_base_model: str = Field(
        "",
        description="The one model behind `hf_base_url`, where that is an Inference Endpoint; it "
        "is then asked at the address itself.",
    )
    remote_timeout: float = Field(
        120.0, gt=0, description="Seconds to wait for a remote model's reply."
    )
    offline: bool = Field(
        False, description="Never look for the Hub or a remote model; use what is on this machine."
    )
    device: str = Field("auto", description="`auto`, `cpu`, `cuda`, `cuda:1`, `mps`.")
    licenses: tuple[str, ...] = Field(
        (),
        description="Licences that may be used, as a JSON list of Hub slugs. Empty: all.",
    )
    denied: tuple[str, ...] = Field(
        (),
        description="Models (`owner/name`) and authors (`owner`) that are never chosen, as a JSON "
        "list.",
    )
    pinned_models: dict[str, str] = Field(
        {},
        description="The one model for a task, whatever the request: "
        '`{"summarization": "facebook/bart-large-cnn"}`.',
    )
    only_local: bool = Field(
        False, description="Whether only models that are on this machine may be chosen."
    )
    allow_gated: bool = Field(False, description="Whether gated models may be chosen.")
    trusted_models: tuple[str, ...] = Field(
        (),
        description="Models that may run code of their own here, as a JSON list of ids: Python "
        "files of their repository, and scikit-learn trees, which skops cannot check. None else.",
    )
    max_model_bytes: int = Field(
        8_000_000_000, gt=0, description="The largest weights that may be loaded, in bytes."
    )
    max_download_bytes: int = Field(
        2_000_000_000, ge=0, description="The largest weights fetched from the Hub unasked, bytes."
    )
    max_memory: ByteSize | None = Field(
        None,
        description="The memory that the process may take with its models, like `6GB`. Empty: "
        "four fifths of the machine's.",
    )
    candidates: int = Field(5, ge=1, le=50, description="Models looked at for each task.")
    max_parallel: int = Field(4, ge=1, description="Tasks that run at the same time.")
    executor: Literal["process", "ray"] = Field(
        "process",
        description="Where local models run: in this `process`, or on a `ray` cluster (extra "
        "`ray`).",
    )
    ray_address: str = Field(
        "",
        description="The cluster's address (`host:port`), as `ray start` prints it. Empty: "
        "`RAY_ADDRESS`, else a cluster of this machine alone is started for the run.",
    )
    task_timeout: float = Field(600.0, gt=0, description="Seconds one attempt at a task may take.")
    budget_seconds: float | None = Field(
        None, ge=0, description="Seconds that a run's tasks may take; then it answers with what "
        "it has.",
    )  # fmt: skip
    budget_remote_requests: int | None = Field(
        None, ge=0, description="Requests to remote models that a run may make."
    )
    budget_llm_calls: int | None = Field(
        None, ge=0, description="Calls of the controller LLM that a run may make."
    )
    budget_tokens: int | None = Field(
        None, ge=0, description="Tokens after which a run asks the controller LLM no more."
    )
    budget_download_bytes: int | None = Field(
        None, ge=0, description="Weights that a run may fetch from the Hub in all, in bytes."
    )
    cache_bytes: int = Field(
        1_000_000_000,
        ge=0,
        description="Bytes of results kept by content, so that asking again costs nothing; 0: none "
        "are kept.",
    )
    max_request_chars: int = Field(100_000, gt=0, description="The longest request taken.")
    embedder: str = Field(
        "",
        description="What embeds model cards: a sentence-transformers folder or id, or the name of "
        "a model at `embedder_base_url`. Empty: the packaged all-MiniLM-L6-v2.",
    )
    embedder_base_url: str = Field(
        "",
        pattern=r"^$|^https?://\S+$",
        description="Base URL of an OpenAI-compatible server that embeds.",
    )
    embedder_api_key: SecretStr | None = Field(None, description="Its key, where it wants one.")
    reranker: str = Field(
        "",
        description="A cross-encoder that reads the first candidates again: a folder or an id of "
        "the Hub. Empty: none.",
    )
    chroma_url: str = Field(
        "",
        pattern=r"^$|^https?://\S+$",
        description="A Chroma server (`chroma run`) that holds the registry's vectors, so that "
        "several processes share it. Empty: files in the data folder.",
    )
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("hugginggraph")),
        description="Folder of the registry's store, the threads and what the server keeps.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="A PostgreSQL database for threads (`postgresql://…`, extra `postgres`), in "
        "place of a SQLite file in the data folder.",
    )
    cache_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("hugginggraph")),
        description="Folder of the results kept by content.",
    )
    artifacts_dir: Path = Field(
        Path("artifacts"), description="Folder for the files that runs make."
    )
    server_tokens: SecretStr = Field(
        SecretStr(""),
        description="Bearer tokens that the server takes, divided by commas, 16 characters or more "
        "each; each has its own threads and files. Needed beyond this machine.",
    )
    server_origins: tuple[str, ...] = Field(
        (), description="Web origins whose pages may use the server (CORS), as a JSON list."
    )
    server_hosts: tuple[str, ...] = Field(
        (),
        description="Host names the server answers to without a token, besides this machine's own, "
        "as a JSON list.",
    )
    server_requests_per_minute: int = Field(
        600, ge=0, description="Requests that one token may make in a minute; 0: any number."
    )
    server_workers: int = Field(
        1,
        ge=1,
        description="Processes that answer requests; each loads its own models, within its share "
        "of the memory.",
    )
    server_runs: int = Field(64, ge=1, description="Runs at the same time, for all tokens.")
    server_upload_bytes: int = Field(
        2_000_000_000,
        gt=0,
        description="The largest file that the server and the web page take, in bytes.",
    )
    server_keep_days: float | None = Field(
        None,
        gt=0,
        description="Days after which the server removes a file that nobody has used, uploaded or "
        "made, and a thread without a new step. Empty: all are kept.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then ``.env``.

        A variable that is empty is not set, and one of the environment empties that of ``.env``.

        Raises:
            SettingsError: an argument is no setting. A variable that is none is logged.
        """
        if isinstance(init_settings, InitSettingsSource):
            _refuse_unknown(init_settings.init_kwargs)
        empty = set[str]()
        for source in (env_settings, dotenv_settings):
            if isinstance(source, EnvSettingsSource):
                ours = [n for n in source.env_vars if n.upper().startswith(PREFIX)]
                for name in ours:
                    _warn_unless_known(name.upper())
                empty |= {name for name in ours if not source.env_vars[name]}
                source.env_vars = {n: v for n, v in source.env_vars.items() if n not in empty}
        return init_settings, env_settings, dotenv_settings

    @property
    def registry_dir(self) -> Path:
        """The folder of the Chroma store."""
        return self.data_dir / "registry"

    @property
    def observed_path(self) -> Path:
        """The file of what was observed of models on this machine."""
        return self.data_dir / "observed.sqlite"


def _nearest(name: str) -> str:
    return next(iter(difflib.get_close_matches(name, Settings.model_fields, 1)), "")


def _refuse_unknown(arguments: Iterable[str]) -> None:
    for name in arguments:
        if name.removeprefix(PREFIX).lower() not in Settings.model_fields:
            near = _nearest(name)
            guess = f" Did you mean '{near}'?" if near else ""
            raise SettingsError(
                f"There is no setting '{name}'.{guess}", "docs/settings.md lists them all."
            )


@cache
def _warn_unless_known(variable: str) -> None:
    name = variable.removeprefix(PREFIX).lower()
    if name not in Settings.model_fields and not _OF_KUBERNETES.match(variable):
        near = _nearest(name)
        guess = f" Did you mean {PREFIX}{near.upper()}?" if near else ""
        log.warning("%s is no setting, so it changes nothing.%s", variable, guess)


def load_settings(**overrides: object) -> Settings:
    """The settings of the environment and ``.env``, with overrides (None means not given).

    Raises:
        SettingsError: a value cannot be used; the message names the variable.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks the values
    except UnreadableSettings as exc:
        name = next((field for field in Settings.model_fields if f'"{field}"' in str(exc)), "")
        raise SettingsError(
            f"The setting HUGGINGGRAPH_{name.upper()} has a value that is not JSON.",
            """Give a list as ["a", "b"] and a mapping as {"a": "b"}.""",
        ) from exc
    except UnicodeDecodeError as exc:
        raise SettingsError("The file .env is not text in UTF-8.", "Save it as such.") from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        name = "_".join(str(part) for part in first["loc"][:1]).upper().removeprefix(PREFIX)
        raise SettingsError(
            f"The setting HUGGINGGRAPH_{name} has a value that cannot be used: {first['msg']}.",
            "Correct it in the environment or in .env.",
        ) from exc
