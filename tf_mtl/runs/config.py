"""What a run is: data, model and training, as in the YAML file."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Spec = str | dict[str, Any]


class Section(BaseModel):
    """Abstract part of the configuration: unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DataConfig(Section):
    """Where the rows come from and which of them are labels.

    Which options a source takes is checked by `load_data`.

    >>> DataConfig(source="people.csv", targets={"income": "binary"}).batch_size
    64
    """

    source: str = "digits"
    targets: dict[str, Any] = Field(default_factory=dict)
    batch_size: int = Field(default=64, ge=1)
    fractions: list[float] | None = None
    stratify: str | None = None
    ignore: list[str] | None = None
    groups: str | None = None
    in_order: bool | None = None
    test_path: str | None = None
    separator: str | None = None
    decimal: str | None = None
    names: list[str] | None = None
    missing_values: list[str | int | float] | None = None
    encoding: dict[str, Any] | None = None
    stream: bool | None = None
    inputs: list[str] | None = None
    splits: dict[str, str] | None = None
    data_dir: str | None = None

    @property
    def name(self) -> str:
        """A name for runs on this source: that of the data set, or of the file."""
        is_tfds = self.source.startswith("tfds:")
        name = self.source[5:] if is_tfds else PurePath(self.source).name.partition(".")[0]
        return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-") or "run"


class OptimizerConfig(Section):
    """The optimizer, one of `keras.optimizers`.

    >>> OptimizerConfig().schedule
    'cosine'
    """

    type: str = "adam"
    learning_rate: float = Field(default=0.003, gt=0, allow_inf_nan=False)
    schedule: Literal["constant", "cosine"] = "cosine"
    options: dict[str, Any] = Field(default_factory=dict)


class RunConfig(Section):
    """One training run.

    >>> RunConfig().data.source
    'digits'
    """

    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
    imports: list[str] = Field(default_factory=list)
    data: DataConfig = DataConfig()
    trunk: Spec = "auto"
    heads: dict[str, Spec] = Field(default_factory=dict)
    loss_weights: dict[str, Any] | str | None = None
    aggregator: Spec | None = None
    optimizer: OptimizerConfig = OptimizerConfig()
    epochs: int = Field(default=40, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    monitor: str = "val_loss"
    mode: Literal["auto", "min", "max"] = "auto"
    patience: int | None = Field(default=None, ge=1)
    strategy: Literal["none", "mirrored"] = "none"
    mixed_precision: Literal["float16", "bfloat16"] | None = None
    deterministic: bool = False
    run_directory: str = "runs"
    saved_models: str | None = "saved_models"

    @property
    def run_name(self) -> str:
        """The name given, or that of the data."""
        return self.name or self.data.name
