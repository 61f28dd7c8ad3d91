"""The tables of the store: how they came about, and how a database gets the present ones."""

import sqlite3

from mnist_core.store.records import StoreError

MIGRATIONS = (
    """
    CREATE TABLE runs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        note TEXT NOT NULL DEFAULT '',
        tags TEXT NOT NULL DEFAULT '[]',
        hyperparameters TEXT NOT NULL,
        dataset TEXT NOT NULL,
        data TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        environment TEXT NOT NULL,
        state TEXT NOT NULL,
        failure TEXT NOT NULL DEFAULT '',
        started REAL NOT NULL,
        updated REAL NOT NULL,
        ended REAL,
        deleted REAL,
        parameter_count INTEGER NOT NULL,
        train_examples INTEGER NOT NULL,
        validation_examples INTEGER NOT NULL,
        test_examples INTEGER NOT NULL,
        steps_per_epoch INTEGER NOT NULL,
        epochs INTEGER NOT NULL,
        epoch INTEGER NOT NULL DEFAULT 0,
        step INTEGER NOT NULL DEFAULT 0,
        test_loss REAL,
        test_accuracy REAL,
        validation_loss REAL,
        validation_accuracy REAL,
        best_test_accuracy REAL,
        best_validation_accuracy REAL,
        best_epoch INTEGER NOT NULL DEFAULT 0,
        seconds REAL NOT NULL DEFAULT 0,
        examples_per_second REAL,
        pid INTEGER NOT NULL,
        host TEXT NOT NULL
    );
    CREATE TABLE batches (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        first INTEGER NOT NULL,
        count INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (run, first)
    );
    CREATE TABLE epochs (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        epoch INTEGER NOT NULL,
        step INTEGER NOT NULL,
        train_loss REAL,
        train_accuracy REAL,
        validation_loss REAL,
        validation_accuracy REAL,
        test_loss REAL,
        test_accuracy REAL NOT NULL,
        seconds REAL NOT NULL,
        run_seconds REAL NOT NULL,
        PRIMARY KEY (run, epoch)
    );
    CREATE TABLE answers (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        epoch INTEGER NOT NULL,
        predictions BLOB NOT NULL,
        losses BLOB NOT NULL,
        confidences BLOB NOT NULL,
        logits BLOB,
        PRIMARY KEY (run, epoch)
    );
    """,
    """
    CREATE TABLE labels (
        fingerprint TEXT PRIMARY KEY NOT NULL,
        test BLOB NOT NULL,
        class_names TEXT NOT NULL,
        class_labels TEXT NOT NULL
    );
    """,
    """
    CREATE TABLE races (
        id TEXT PRIMARY KEY NOT NULL,
        state TEXT NOT NULL,
        failure TEXT NOT NULL DEFAULT '',
        started REAL NOT NULL,
        ended REAL NOT NULL,
        contest TEXT NOT NULL,
        environment TEXT NOT NULL,
        scores TEXT NOT NULL
    );
    CREATE TABLE changes (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        step INTEGER NOT NULL,
        field TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (run, step, field)
    );
    CREATE TABLE gradient_norms (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        step INTEGER NOT NULL,
        norm REAL,
        PRIMARY KEY (run, step)
    );
    """,
    """
    ALTER TABLE runs ADD COLUMN until_epoch INTEGER;
    UPDATE runs SET until_epoch = epochs;
    ALTER TABLE runs ADD COLUMN on_divergence TEXT NOT NULL DEFAULT 'continue';
    ALTER TABLE runs ADD COLUMN deleted_by TEXT NOT NULL DEFAULT '';
    CREATE TABLE packed_answers (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        epoch INTEGER NOT NULL,
        samples INTEGER NOT NULL,
        predictions BLOB NOT NULL,
        losses BLOB NOT NULL,
        confidences BLOB NOT NULL,
        logits BLOB,
        PRIMARY KEY (run, epoch)
    );
    """,
    """
    CREATE TABLE pixels (
        fingerprint TEXT PRIMARY KEY NOT NULL,
        height INTEGER NOT NULL,
        width INTEGER NOT NULL,
        mean REAL NOT NULL,
        deviation REAL NOT NULL
    );
    """,
    """
    ALTER TABLE runs ADD COLUMN study TEXT NOT NULL DEFAULT '';
    ALTER TABLE runs ADD COLUMN trial INTEGER;
    """,
    """
    CREATE TABLE recordings (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        note TEXT NOT NULL DEFAULT '',
        tags TEXT NOT NULL DEFAULT '[]',
        config TEXT NOT NULL,
        source TEXT NOT NULL,
        versions TEXT NOT NULL,
        state TEXT NOT NULL,
        failure TEXT NOT NULL DEFAULT '',
        lost TEXT NOT NULL DEFAULT '',
        started REAL NOT NULL,
        updated REAL NOT NULL,
        ended REAL,
        deleted REAL,
        deleted_by TEXT NOT NULL DEFAULT '',
        seconds REAL NOT NULL DEFAULT 0,
        step INTEGER NOT NULL DEFAULT 0,
        rows INTEGER NOT NULL DEFAULT 0,
        metrics INTEGER NOT NULL DEFAULT 0,
        writes INTEGER NOT NULL DEFAULT 0,
        pid INTEGER NOT NULL,
        host TEXT NOT NULL
    );
    CREATE TABLE metric_sets (
        recording TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        names TEXT NOT NULL,
        PRIMARY KEY (recording, number)
    );
    CREATE TABLE points (
        recording TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
        metric_set INTEGER NOT NULL,
        first INTEGER NOT NULL,
        count INTEGER NOT NULL,
        written INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (recording, metric_set, first)
    );
    CREATE INDEX points_by_write ON points (recording, written);
    CREATE TABLE recorded_images (
        recording TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        step INTEGER NOT NULL,
        height INTEGER NOT NULL,
        width INTEGER NOT NULL,
        channels INTEGER NOT NULL,
        pixels BLOB NOT NULL,
        PRIMARY KEY (recording, name, step)
    );
    CREATE TABLE recorded_predictions (
        recording TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
        step INTEGER NOT NULL,
        classes INTEGER NOT NULL,
        labels BLOB NOT NULL,
        probabilities BLOB NOT NULL,
        PRIMARY KEY (recording, step)
    );
    """,
    """
    CREATE TABLE distributions (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        epoch INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (run, epoch)
    );
    """,
    """
    CREATE TABLE sample_marks (
        run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        samples TEXT NOT NULL,
        sample INTEGER NOT NULL,
        label TEXT NOT NULL,
        guess TEXT NOT NULL,
        note TEXT NOT NULL,
        PRIMARY KEY (run, samples, sample)
    );
    """,
)
"""Script k leads from version k to version k + 1. Never change one that was released.

The answers of a run go to `packed_answers`; those in `answers` are of an earlier version, which may
still be writing there.
"""

VERSION = len(MIGRATIONS)


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the tables that are there; 0: there are none."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def check_version(connection: sqlite3.Connection, name: str) -> None:
    """Raises StoreError when a newer program made the database called `name`."""
    if version_of(connection) > VERSION:
        raise StoreError(
            f"{name} was made by a newer version of mnist-tui. Update mnist-tui to use it, or "
            "choose another folder with --home."
        )


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables to the present version, each step whole or not at all.

    Raises:
        sqlite3.Error: a step failed; the version before it is still there.
    """
    if version_of(connection) < 0:
        raise sqlite3.DatabaseError("its version is below 0")
    for version in range(version_of(connection), VERSION):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE; {MIGRATIONS[version]} "
                f"PRAGMA user_version = {version + 1}; COMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
