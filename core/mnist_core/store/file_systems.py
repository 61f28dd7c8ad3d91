"""On what a folder lies: SQLite's write-ahead log shares memory, which machines cannot."""

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_OF_NETWORKS = re.compile(
    r"nfs\d*|cifs|smb\w*|9p|afs|ceph|lustre|beegfs|gpfs|ocfs2|gfs2|pvfs2|ncpfs"
    r"|fuse\.(sshfs|glusterfs|cephfs|s3fs|rclone|davfs\w*|smbnetfs)|davfs"
)


def is_on_network(folder: Path, mounts: Path = _MOUNTS) -> bool:
    """Whether another machine may have the files of `folder` open too.

    Only Linux tells; elsewhere the answer is no. `mounts` is in the format of
    /proc/PID/mountinfo (proc_pid_mountinfo(5)).
    """
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
        place = folder.resolve()
    except OSError:
        return False
    kind, deepest = "", -1
    for line in lines:
        fields, _, described = line.partition(" - ")
        where = Path(_unescaped(fields.split()[4]))
        # Of two at one place the later one lies on top.
        if place.is_relative_to(where) and len(where.parts) >= deepest:
            kind, deepest = described.split()[0], len(where.parts)
    return _OF_NETWORKS.fullmatch(kind) is not None


def _unescaped(path: str) -> str:
    r"""A blank is written \040 there, and so are others that would end a field."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)
