"""The plain top-level keys of conf/config.yaml and their types; groups are checked against signatures instead."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field


class Radius(BaseModel, extra="forbid"):
    """Distances in metres."""

    positive: float = Field(gt=0)
    negative: float = Field(gt=0)
    eval: float = Field(gt=0)


class Figures(BaseModel, extra="forbid"):
    """How task=report draws; lengths in inches."""

    format: list[Literal["png", "pdf"]] = Field(min_length=1)
    width: float = Field(ge=2, le=20)
    wide: float = Field(ge=3, le=20)
    dpi: int = Field(ge=50, le=1200)
    queries: Annotated[int, Field(ge=1)] | list[str]


class Demo(BaseModel, extra="forbid"):
    """How task=demo serves its page."""

    host: str = Field(min_length=1)
    port: int = Field(ge=0, le=65535)
    max_mb: float = Field(gt=0, le=1000)


class Export(BaseModel, extra="forbid"):
    """What task=export writes, and what it compares and times."""

    formats: list[Literal["onnx", "torch", "weights"]] = Field(min_length=1)
    photos: int = Field(ge=1)
    batch: int = Field(ge=2, le=1024)
    latency: bool


class Settings(BaseModel, extra="forbid"):
    """The plain top-level keys of conf/config.yaml with their types. Groups stay mappings here."""

    name: str = Field(pattern=r"^[\w.+-]+$")
    seed: int = Field(ge=-1, le=2**32 - 1)
    checkpoint: str | None
    resume: str | None
    run: str | None
    database: str | None
    queries: str | None
    runs: list[str] | None
    other_protocols: bool
    figures: Figures | None = None  # task=report alone has it
    demo: Demo | None = None  # task=demo alone has it
    export: Export | None = None  # task=export alone has it
    pretrained: str
    image_size: list[int] = Field(min_length=2, max_length=2)
    train_batch_size: int = Field(ge=1)
    infer_batch_size: int | None = Field(ge=1)
    decode: Literal["full", "reduced"]
    extraction: Literal["auto", "exact", "float32", "tf32", "bfloat16"]
    compile: Literal["auto"] | bool
    reuse_memory: bool
    frozen_maps: float = Field(ge=0, allow_inf_nan=False)
    descriptor_dtype: Literal["float32", "float16"]
    num_workers: int | None = Field(ge=0)
    radius: Radius
    recall_values: list[int] = Field(min_length=1)
    monitor: str = Field(pattern=r"^R\d+$")
    patience: int = Field(ge=1)
    saved_predictions: int = Field(ge=1)
    keep_descriptors: bool
    report_queries: int = Field(ge=0)
    attention: Annotated[int, Field(ge=0)] | list[str]
    calibrate: Literal["auto"] | bool
    answer_precision: float = Field(gt=0, lt=1)
    unreadable: Literal["stop", "skip_and_count"]
    slices: Literal["note", "brightness", "none"]
    coordinates: Literal["utm", "local"]
    groups: Literal["none", "folder", "note", "column"]
    console: Literal["rich", "plain", "quiet"]
    queries_folder: str
    val_folder: str | None
    test_folders: list[str] | None
    task: str
    unit_length: bool
    freeze_batch_norm: bool
    lr: dict[str, float]
    lr_scale: float = Field(gt=0, allow_inf_nan=False)
    baseline: str | list[str] | None
    lr_factors: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    pool: int = Field(ge=1)
    data: dict[str, Any]
    val: dict[str, Any]
    test: dict[str, Any]
    paths: dict[str, Any]
    hub: dict[str, Any]
    backbone: dict[str, Any]
    block: dict[str, Any]
    aggregator: dict[str, Any]
    head: dict[str, Any]
    whitening: dict[str, Any]
    loss: dict[str, Any]
    miner: dict[str, Any]
    optimizer: dict[str, Any]
    scheduler: dict[str, Any]
    aug: dict[str, Any]
    index: dict[str, Any]
    views: dict[str, Any]
    multiscale: dict[str, Any]
    postprocess: dict[str, Any]
    trainer: dict[str, Any]
    logger: dict[str, Any]
