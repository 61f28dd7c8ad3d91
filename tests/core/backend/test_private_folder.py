import grp
import os
import pwd
from pathlib import Path

import pytest

from mnist_core.backend.private_folder import FolderNotPrivateError, private_folder


def test_a_missing_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "new" / "blas")

    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_is_followed_to_the_folder_behind_it(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(target)

    assert private_folder(tmp_path / "link") == target.resolve()


def test_a_folder_that_every_user_can_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)

    with pytest.raises(
        FolderNotPrivateError, match=r"Every user can write .*open\. Run: chmod 700"
    ):
        private_folder(folder)


def test_a_folder_below_one_that_every_user_can_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)

    with pytest.raises(FolderNotPrivateError, match=r"open, above .*Run: chmod go-w"):
        private_folder(tmp_path / "open" / "blas")


def test_a_folder_below_a_sticky_one_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "sticky").mkdir()
    (tmp_path / "sticky").chmod(0o1777)

    assert private_folder(tmp_path / "sticky" / "blas").is_dir()


def test_a_link_does_not_hide_that_every_user_can_write_its_target(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open")

    with pytest.raises(FolderNotPrivateError, match="Every user"):
        private_folder(tmp_path / "link")


def test_a_folder_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: stranger)

    with pytest.raises(FolderNotPrivateError, match="belongs to another user"):
        private_folder(tmp_path / "blas")


@pytest.mark.parametrize(("members", "accepted"), [([], True), (["somebody"], False)])
def test_a_group_may_write_only_when_it_has_no_other_member(
    members: list[str], accepted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = pwd.getpwuid(os.getuid())
    group = grp.struct_group((user.pw_name, "", user.pw_gid, members))
    monkeypatch.setattr(grp, "getgrgid", lambda _: group)
    folder = tmp_path / "shared"
    folder.mkdir()
    os.chown(folder, -1, user.pw_gid)
    folder.chmod(0o770)

    if accepted:
        assert private_folder(folder) == folder.resolve()
    else:
        with pytest.raises(FolderNotPrivateError, match=r"The group \d+ can write"):
            private_folder(folder)
