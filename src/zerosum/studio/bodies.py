"""What requests hold: types that check them, and of which the OpenAPI document is made."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path as InPath
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from .hype import Mode
from .shelf import NAME

MOST = 256  # samples a request

Name = Annotated[str, InPath(pattern=rf"^{NAME}$", description="a run's folder, as in /api/runs")]
Number = Annotated[int, InPath(ge=0, le=2**53)]
Seed = Annotated[int, Field(ge=0, lt=2**53, description="the same seed gives the same samples")]
Round = Annotated[int | None, Field(ge=0, le=2**53, description="of which checkpoint; the newest if not said")]
Condition = Annotated[
    str | None, Field(max_length=1000, description="a class, as cat; numbers, as beam=25; or a caption")
]
Picture = Annotated[Base64Bytes, Field(max_length=12 * 2**20, description="a PNG, JPEG, WebP, BMP, GIF or TIFF file")]
Values = dict[str, bool | int | float | str | list[bool | int | float | str] | None]


class Body(BaseModel):
    """What a request holds: nothing but what it says."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Order(Body):
    """A run to be started."""

    game: str = Field(max_length=100, description="a name out of /api/games")
    source: str = Field(min_length=1, max_length=1000, description="a named set, or a folder or file of this machine")
    hyperparameters: Values = {}
    settings: Values = {}
    data: Values = {}


class More(Body):
    """How a run goes on."""

    rounds: int | None = Field(None, ge=1, le=10**9, description="in all; as first planned if not said")


class Measure(Body):
    """How a run is measured."""

    n: int | None = Field(
        None, ge=2, le=10**6, description="samples a repeat; as many as the data supports if not said"
    )
    repeats: int = Field(5, ge=1, le=100)
    seed: Seed = 0


class Draw(Body):
    """Samples to be drawn."""

    n: int = Field(16, ge=1, le=MOST)
    seed: Seed = 0
    condition: Condition = None
    round: Round = None


class Latents(Body):
    """The latents of the first n samples of a seed."""

    n: int = Field(16, ge=1, le=MOST)
    seed: Seed = 0
    round: Round = None


class Render(Body):
    """Latents to be turned into samples."""

    z: list[list[float]] = Field(min_length=1, max_length=MOST)
    condition: Condition = None
    round: Round = None


class Upload(Body):
    """A picture for a model to look at."""

    picture: Picture
    condition: Condition = None
    round: Round = None


class Translate(Upload):
    """A picture to be translated, and which way."""

    way: Literal["a2b", "b2a"] = "a2b"


class Sitting(Body):
    """A person who wants to judge."""

    run: str = Field(pattern=rf"^{NAME}$")
    mode: Mode = "infinity"
    judge: str = Field("anonymous", min_length=1, max_length=60)
    n: int = Field(20, ge=4, le=400, description="pictures that count; checks come on top")
    seed: Seed = 0


class Said(Body):
    """An answer to one trial."""

    trial: int = Field(ge=0, le=1000)
    said: Literal["real", "fake"]
    shown_ms: float | None = Field(None, ge=0, le=1e6)
    took_ms: float | None = Field(None, ge=0, le=1e9)


class Error(BaseModel):
    """What was wrong, in one sentence, and in which field of the request, where it was one."""

    error: str
    field: str | None = None
