"""What the program writes for itself where the umask takes nothing, in the user folders given.

As a program: `python -m helpers.open_umask` writes one of each kind there is.
"""

import os
import sys
import threading

from helpers.recordings import points, put_recording
from helpers.stored_runs import LiveRun
from mnist_core.backend.private_folder import private_folder
from mnist_core.data.downloads import DownloadFailed, download
from mnist_core.data.registry import default_cache_folder
from mnist_core.events import TrainingState
from mnist_core.store import RunStore
from mnist_core.store.checkpoints import Checkpoints
from mnist_core.user_folders import user_folder
from mnist_tui.runtime.log import log_path, open_log, write_log
from mnist_tui.settings.digit_style import FILE_NAME
from mnist_tui.settings.remembered import remember


def main() -> None:
    os.umask(0)
    home = user_folder("data") / "deep" / "home"
    run = LiveRun(home, epochs=1)
    run.train_epoch(0.5)
    run.close()
    put_recording(home, "loop", [points({"loss": [1.0]})])
    store = RunStore(home)
    run_id = store.runs()[0].id
    Checkpoints.of(home, run_id).save(TrainingState((), None))
    store.copy(run_id, "a copy")
    store.deleter.delete([run_id])
    private_folder(user_folder("cache") / "kernels")
    write_log(log_path(None), "a line")
    os.close(open_log(home / "other" / "log"))
    remember(user_folder("state") / FILE_NAME, "braille")
    cancelled = threading.Event()
    try:
        download({"x": "0" * 32}, ["http://127.0.0.1:9/"], default_cache_folder(), None, cancelled)
    except DownloadFailed as error:
        sys.stdout.write(f"{error}\n")


if __name__ == "__main__":
    main()
