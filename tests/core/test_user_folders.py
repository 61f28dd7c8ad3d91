"""Where this user's files belong, also where the user has no home folder."""

import os
import stat
from pathlib import Path
from typing import get_args

import pytest

from mnist_core.user_folders import Kind, NoHomeError, user_folder

RENEWABLE: tuple[Kind, ...] = ("cache", "config", "state")


@pytest.mark.usefixtures("no_home")
def test_without_a_home_what_can_be_made_again_is_in_a_private_folder(tmp_path: Path) -> None:
    for kind in RENEWABLE:
        folder = user_folder(kind)
        assert folder == tmp_path / f"mnist-tui-{os.getuid()}" / kind / "mnist-tui"
    (made,) = tmp_path.iterdir()
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


@pytest.mark.usefixtures("no_home")
def test_without_a_home_runs_are_not_kept_where_they_would_be_lost() -> None:
    with pytest.raises(NoHomeError, match="Set HOME, or choose a folder with --home"):
        user_folder("data")


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize("place", ["link", "open folder", "file", "folder of another user"])
def test_nothing_that_others_can_write_stands_in_for_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    stand_in = tmp_path / f"mnist-tui-{os.getuid()}"
    match place:
        case "link":
            (tmp_path / "elsewhere").mkdir()
            stand_in.symlink_to("elsewhere")
        case "open folder":
            stand_in.mkdir()
            stand_in.chmod(0o777)
        case "file":
            stand_in.touch()
        case _:
            user = os.getuid() + 1
            monkeypatch.setattr(os, "getuid", lambda: user)
            (tmp_path / f"mnist-tui-{user}").mkdir()
    with pytest.raises(NoHomeError, match="Set HOME to a folder of this user"):
        user_folder("cache")


@pytest.mark.usefixtures("no_home")
def test_folders_that_are_named_need_no_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "named"))
    if os.uname().sysname == "Linux":
        assert user_folder("data") == tmp_path / "named" / "mnist-tui"


def test_a_home_has_them_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for kind in get_args(Kind):
        monkeypatch.delenv(f"XDG_{kind.upper()}_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for kind in get_args(Kind):
        assert tmp_path in user_folder(kind).parents
