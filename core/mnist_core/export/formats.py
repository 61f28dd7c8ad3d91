"""The formats that a run can be exported in."""

from typing import Literal

CurveFormat = Literal["csv", "jsonl", "tensorboard"]
WeightFormat = Literal["safetensors", "npz"]
Format = Literal[CurveFormat, WeightFormat]
