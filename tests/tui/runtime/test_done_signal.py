"""What a terminal is sent when a run is done, by what stands between."""

import pytest

from mnist_tui.runtime.done_signal import WHEN_DONE, WhenDone, done_signal

OSC_9 = "\x1b]9;mnist-tui: run 1 completed\a"
OSC_777 = "\x1b]777;notify;mnist-tui;run 1 completed\a"
TMUX = "\x1bPtmux;\x1b{}\x1b\\"


@pytest.mark.parametrize(
    ("how", "environ", "sent"),
    [
        ("none", {"TERM": "xterm-kitty"}, ""),
        ("bell", {"TERM": "xterm-kitty"}, "\a"),
        # tmux rings by itself.
        ("bell", {"TERM": "tmux-256color", "TMUX": "/tmp/tmux,1,0"}, "\a"),
        ("notify", {"TERM": "xterm-kitty"}, OSC_9),
        ("notify", {}, OSC_9),
        ("notify", {"TERM": "rxvt-unicode-256color"}, OSC_777),
        ("notify", {"TERM": "foot"}, OSC_777),
        ("notify", {"TERM": "xterm-256color", "VTE_VERSION": "7600"}, OSC_777),
        ("notify", {"TERM": "linux"}, "\a"),
        (
            "notify",
            {"TERM": "tmux-256color", "TMUX": "/tmp/tmux,1,0"},
            TMUX.format(OSC_9) + TMUX.format(OSC_777),
        ),
        (
            "notify",
            {"TERM": "screen.xterm-256color", "STY": "1.pts"},
            f"\x1bP{OSC_9}\x1b\\\x1bP{OSC_777}\x1b\\",
        ),
        # Over SSH only TERM tells of it, and not whether it hands anything on.
        ("notify", {"TERM": "screen-256color"}, OSC_9 + OSC_777),
    ],
)
def test_what_is_sent(how: WhenDone, environ: dict[str, str], sent: str) -> None:
    assert how in WHEN_DONE
    assert done_signal(how, "run 1 completed", environ) == sent
