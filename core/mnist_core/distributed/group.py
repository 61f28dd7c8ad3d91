"""The ranks of a run, as one of them sees them: sums over all of them, and what rank 0 says."""

from importlib import metadata

import numpy as np

from mnist_core.backend.mlx import mx
from mnist_core.distributed.environment import RankBackend, check_mlx
from mnist_core.distributed.errors import RankLostError, RanksError
from mnist_core.distributed.message import MESSAGE_LENGTH, NOTHING, Kind, Message, Told
from mnist_core.distributed.watchdog import Watchdog

_TIMES_FOR_DATA = 30.0
"""Patience with data, which may have to be downloaded."""


class Group:
    """The ranks that train together."""

    def __init__(self, backend: RankBackend, size: int, watchdog: Watchdog) -> None:
        """Meet the others, who are `size` with this one.

        Raises:
            RanksError: they cannot be met, or are not so many, as a sentence.
        """
        check_mlx(metadata.version("mlx"))
        self._watchdog = watchdog
        try:
            with watchdog.meeting():
                # Not strict, it would train alone in silence where it finds no others.
                self._group = mx.distributed.init(strict=True, backend=backend)
        except RuntimeError as error:
            raise RanksError(
                f"The ranks cannot meet by {backend}: {error}. Try --backend "
                f"{'ring' if backend == 'mpi' else 'mpi'}."
            ) from error
        self.rank, self.size = self._group.rank(), self._group.size()
        if self.size != size:
            raise RanksError(
                f"{self.size} ranks were started, and --ranks asks for {size}. Say --ranks "
                f"{self.size}."
            )

    def sum(self, values: mx.array, late: str, times: float = 1) -> mx.array:
        """The sum of what every rank gives, evaluated; all give the same shape and type.

        `late` is what the others have not done where they keep this rank waiting, for which they
        may take so many `times` the usual patience.

        Raises:
            RankLostError: another rank is gone.
        """
        try:
            with self._watchdog.waiting(late, times):
                # Ring and MPI work on the CPU, whatever the default device is.
                total = mx.distributed.all_sum(values, group=self._group, stream=mx.cpu)
                mx.eval(total)
        except RuntimeError as error:
            raise RankLostError(
                "Another rank of this run has ended or cannot be reached, so it ends here. What "
                "was trained so far is kept."
            ) from error
        return total

    def share(self, data: bytes) -> bytes:
        """What rank 0 gives; the others give nothing.

        Raises:
            RankLostError: another rank is gone.
        """
        late = "Rank 0 has not said what to train"
        (size,) = np.array(self.sum(mx.array([len(data)], mx.int32), late))
        given = np.zeros(size, np.int32)
        given[: len(data)] = np.frombuffer(data, np.uint8)
        return np.array(self.sum(mx.array(given), late)).astype(np.uint8).tobytes()

    def compare(self, name: str) -> list[int]:
        """The ranks that give another name than rank 0, for which they may take their time.

        Raises:
            RankLostError: another rank is gone.
        """
        late = "The other ranks have not loaded their data"
        self.sum(mx.zeros(1), late, _TIMES_FOR_DATA)
        others = self.share(name.encode() if self.rank == 0 else b"") != name.encode()
        mine = np.zeros(self.size, np.int32)
        mine[self.rank] = others
        return np.flatnonzero(np.array(self.sum(mx.array(mine), late))).tolist()

    def rounds(self, length: int) -> "Rounds":
        """Sums of `length` float32, in each of which rank 0 may say something instead."""
        return Rounds(self, length)


class Rounds:
    """Sums over all ranks, one after the other, all of one length.

    Every rank takes part in every one, so what rank 0 says in one reaches the others wherever they
    are: they are always at the same batch.
    """

    def __init__(self, group: Group, length: int) -> None:
        self.rank, self.size = group.rank, group.size
        self._group = group
        self._nothing = mx.zeros(length)
        self._silence = mx.array(NOTHING.to_floats())

    def sum(self, part: mx.array) -> mx.array:
        """(length,): the sum of every rank's part, float32.

        Raises:
            Told: rank 0 has said something instead.
            RankLostError: another rank is gone.
        """
        message, total = self._round(self._silence, part)
        if message.kind is not Kind.NOTHING:
            raise Told(message)
        return total

    def tell(self, message: Message) -> None:
        """As rank 0, say something to the others, whatever they are waiting for.

        Raises:
            RankLostError: another rank is gone.
        """
        self._round(mx.array(message.to_floats()), self._nothing)

    def hear(self) -> Message:
        """As another rank, wait for something that rank 0 says.

        Raises:
            RankLostError: another rank is gone.
        """
        return self._round(self._silence, self._nothing)[0]

    def _round(self, head: mx.array, part: mx.array) -> tuple[Message, mx.array]:
        total = self._group.sum(
            mx.concatenate([head, part]), "The other ranks have not come to the next batch"
        )
        # Read where it lies: a slice would be one more thing for MLX to compute.
        said = np.array(total, copy=False)[:MESSAGE_LENGTH]
        return Message.from_floats(said), total[MESSAGE_LENGTH:]
