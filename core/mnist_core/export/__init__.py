"""Runs as files that other tools read."""

from typing import Literal


class ExportError(Exception):
    """The message is a sentence for the user: what could not be written, where, what to do."""


CurveFormat = Literal["csv", "jsonl", "tensorboard"]
WeightFormat = Literal["safetensors", "npz"]
Format = Literal[CurveFormat, WeightFormat]
