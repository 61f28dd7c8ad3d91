"""What a sweep can be told to choose and rank by; the first of each is the usual one."""

from typing import Literal

Metric = Literal["accuracy", "loss"]
RankOn = Literal["validation", "test"]
SamplerName = Literal["tpe", "random", "grid", "cmaes"]
PrunerName = Literal["median", "none", "hyperband"]
