"""A run as a line of the table."""

from dataclasses import dataclass

from mnist_core.store import RunRecord


@dataclass(frozen=True, slots=True)
class RunRow:
    record: RunRecord
    differs: str
    """What sets it apart from the others, or from the pinned run; empty: nothing."""
    words: str
    """In lower case, what words of a filter are looked for in."""

    @classmethod
    def of(cls, record: RunRecord, differs: str) -> "RunRow":
        texts = (record.name, record.note, *record.tags, record.dataset, record.state, differs)
        return cls(record, differs, "\n".join((*texts, record.id)).lower())

    def of_now(self, record: RunRecord) -> "RunRow | None":
        """The row of the same run read again, which still differs in the same; None if it does not
        say the same any more.
        """
        before = self.record
        same = (
            record.hyperparameters is before.hyperparameters
            and record.state == before.state
            and record.name == before.name
            and record.note == before.note
            and record.tags == before.tags
            and record.dataset == before.dataset
        )
        return RunRow(record, self.differs, self.words) if same else None
