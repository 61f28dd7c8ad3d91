#!/bin/sh
# Install mnist-tui into .venv at the checkout; do nothing when that is done already.
#
#   scripts/setup.sh [--extra NAME[,NAME...]] [--dev]
#
# The extra cpu, cuda12 or cuda13 chooses the MLX back end; without one, .venv keeps the back end
# it has, and a new one gets cpu on Linux. --dev adds what tests and lint need. Other extras of
# earlier calls stay. It never asks anything, and all it says goes to stderr.
set -eu

backends="cpu cuda12 cuda13"
stamp=.venv/setup-done            # what was installed; absent until an installation succeeded
unfinished=.venv/setup-unfinished # there while .venv is being changed: a kill leaves it behind
log=.venv/setup.log

export UV_PYTHON_DOWNLOADS=never PIP_NO_INPUT=1 PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf 'mnist-tui: %s\n' "$*" >&2; }

fail() {
    say "$@"
    exit 1
}

contains() { # LIST WORD
    case " $1 " in *" $2 "*) ;; *) return 1 ;; esac
}

# The machine ------------------------------------------------------------------------------------

check_machine() {
    case $(uname -s) in
        Linux) check_linux ;;
        Darwin) check_mac ;;
        *) fail "MLX runs on Linux and on Macs with Apple silicon, but this is $(uname -s)." ;;
    esac
}

check_linux() {
    case $(uname -m) in
        x86_64 | aarch64) ;;
        *) fail "MLX on Linux needs x86_64 or aarch64, but this machine is $(uname -m)." ;;
    esac
    libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc=$(ldd --version 2>&1) || true
    newer="use a newer system (Debian 12, Ubuntu 22.04, Fedora 36), for example in a container."
    case $libc in
        *musl*) fail "MLX needs glibc 2.35 or newer, but this system has musl; $newer" ;;
        "glibc 2."*)
            minor=${libc#glibc 2.}
            [ "${minor%%[!0-9]*}" -ge 35 ] ||
                fail "MLX needs glibc 2.35 or newer, but this system has ${libc#glibc }; $newer"
            ;;
        *) ;; # an unknown C library: the installer will say whether a wheel fits
    esac
}

check_mac() {
    [ "$(uname -m)" != arm64 ] || return 0
    # A shell under Rosetta calls itself x86_64 on Apple silicon too.
    [ "$(sysctl -n hw.optional.arm64 2>/dev/null)" != 1 ] ||
        fail "This shell runs under Rosetta; start one for Apple silicon: arch -arm64 zsh."
    fail "MLX needs a Mac with Apple silicon, but this one has an Intel processor."
}

# Python -----------------------------------------------------------------------------------------

have_uv() { uv --version >/dev/null 2>&1; }

candidates() { # every Python on PATH by preference; not that of .venv, which may be about to go
    set -f
    for name in python3.14 python3.13 python3.12 python3.11 python3 python; do
        IFS=:
        for folder in $PATH; do
            [ "$folder" = "$checkout/.venv/bin" ] || [ ! -x "$folder/$name" ] ||
                printf '%s\n' "$folder/$name"
        done
    done
}

# Sets `python` to the first candidate that runs, is new enough and can make an environment.
find_python() {
    too_old='' no_venv=''
    while read -r python; do
        # pyenv leaves commands on PATH that only print an error.
        version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' \
            2>/dev/null </dev/null) || continue
        case $version in
            3.[0-9].* | 3.10.* | [!3].*)
                too_old="${too_old:-but found only $python, which is $version}"
                continue
                ;;
        esac
        if have_uv || "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 </dev/null; then
            return 0
        fi
        no_venv=${no_venv:-$python is there but its venv module is not: install it (Debian, \
Ubuntu: sudo apt install python${version%.*}-venv) or install uv.}
    done <<END
$(candidates)
END
    [ -z "$no_venv" ] || fail "$no_venv"
    have_uv && python=$(uv python find '>=3.11' 2>/dev/null) && return 0
    fail "Python 3.11 or newer is needed, ${too_old:-but no Python was found on PATH}."
}

# The extras -------------------------------------------------------------------------------------

installed_backends() {
    for package in cpu:mlx_cpu cuda12:mlx_cuda_12 cuda13:mlx_cuda_13; do
        set -- .venv/lib/python3*/site-packages/"${package#*:}"-*.dist-info
        [ ! -e "$1" ] || printf '%s ' "${package%:*}"
    done
}

recorded_extras() { [ ! -f "$stamp" ] || sed -n 2p "$stamp"; }

# Sets `backend`, and `extras` to all that .venv is to have.
choose_extras() { # REQUESTED...
    backend=''
    for extra in "$@"; do
        case $extra in *[!a-z0-9-]*) fail "An extra cannot be named $extra." ;; esac
        grep -q "^$extra = \[" pyproject.toml ||
            fail "There is no extra named $extra; pyproject.toml lists them."
        contains "$backends" "$extra" || continue
        [ "${backend:-$extra}" = "$extra" ] ||
            fail "The back ends $backend and $extra cannot share one environment; choose one."
        backend=$extra
    done
    if [ -z "$backend" ]; then
        backend=$(installed_backends)
        backend=${backend% }
        contains "$backends" "${backend:-none}" || backend=''
        [ -n "$backend" ] || [ "$(uname -s)" != Linux ] || backend=cpu
    fi
    extras=$backend
    for extra in $(recorded_extras) "$@"; do
        contains "$backends $extras" "$extra" || extras="$extras $extra"
    done
    extras=${extras# }
}

# The environment --------------------------------------------------------------------------------

stamp_text() {
    printf '%s\n' "$checkout" "$extras" "$(.venv/bin/python -V 2>&1)"
    cat pyproject.toml constraints.txt
}

up_to_date() {
    [ -x .venv/bin/mnist-tui ] && [ -f "$stamp" ] && [ ! -e "$unfinished" ] &&
        [ "$(stamp_text)" = "$(cat "$stamp")" ]
}

usable() { # whether .venv, as it is, can be installed into
    [ ! -e "$unfinished" ] || return 1
    # Scripts in an environment hold its path: one that was moved or copied runs the old one.
    [ ! -f "$stamp" ] || [ "$(sed -n 1p "$stamp")" = "$checkout" ] || return 1
    # An upgrade of the system's Python leaves the packages in a folder that is no longer read.
    .venv/bin/python -c 'import os, sys, sysconfig
sys.exit(sys.version_info < (3, 11) or not os.path.isdir(sysconfig.get_path("purelib")))' \
        >/dev/null 2>&1 </dev/null || return 1
    have_uv || .venv/bin/python -m pip --version >/dev/null 2>&1 </dev/null
}

# Decides whether .venv can stay, and removes it when not.
clear_misfit() {
    [ -e .venv ] || [ -L .venv ] || return 0
    for other in $(installed_backends); do
        if [ "$other" != "$backend" ]; then
            say "Rebuilding .venv: it has the back end $other, which cannot share it with $backend."
            find_python
            rm -rf .venv
            return
        fi
    done
    if ! usable; then
        say "Rebuilding .venv: it is unfinished, broken or was moved."
        find_python
        rm -rf .venv
    fi
}

make_environment() {
    find_python
    mkdir .venv
    : >"$unfinished"
    if have_uv; then
        set -- uv venv --quiet --seed --allow-existing --python "$python" .venv
    else
        set -- "$python" -m venv .venv
    fi
    "$@" >&2 </dev/null || fail "$python could not make a virtual environment; it says why above."
}

install() {
    target=.
    [ -z "$extras" ] || target=".[$(printf '%s' "$extras" | tr ' ' ,)]"
    say "Installing mnist-tui${target#.} into .venv; the first time takes about a minute."
    if have_uv; then
        set -- uv pip install --python .venv/bin/python
    else
        set -- .venv/bin/python -m pip install
    fi
    set -- "$@" --constraint constraints.txt --editable "$target"
    : >"$unfinished"
    # A pipe has no status of its own in POSIX sh: a failure's travels through descriptor 3.
    failure=$({ { "$@" 2>&1 </dev/null || echo "$?" >&3; } | tee "$log" |
        { grep -v '^Requirement already satisfied' || true; } >&2; } 3>&1)
    [ -z "$failure" ] || explain_failure
    stamp_text >"$stamp"
    rm -f "$unfinished"
}

explain_failure() {
    # Before this line nothing was changed, so what was there still works.
    grep -q -e '^Installing collected packages' -e 'Failed to install' "$log" ||
        rm -f "$unfinished"
    if grep -qi -e 'Failed to establish a new connection' -e 'name resolution' -e 'dns error' \
        -e 'name or service not known' -e 'nodename nor servname' -e 'connection refused' \
        -e 'network is unreachable' -e 'timed out' -e 'error sending request' "$log"; then
        fail "The package index could not be reached; connect to a network and repeat."
    fi
    fail "The installation failed; the lines above say why, and $log keeps them."
}

# ------------------------------------------------------------------------------------------------

requested=''
while [ $# -gt 0 ]; do
    case $1 in
        --extra)
            [ $# -ge 2 ] || fail "--extra needs a name, such as cpu or cuda12."
            requested="$requested $(printf '%s' "$2" | tr ',' ' ')"
            shift
            ;;
        --dev) requested="$requested dev" ;;
        *) fail "Unknown argument $1; use --extra NAME or --dev." ;;
    esac
    shift
done

CDPATH='' cd "$(dirname "$0")/.."
checkout=$(pwd -P)
# shellcheck disable=SC2086 # the names are separate arguments
choose_extras $requested
if ! up_to_date; then
    check_machine
    clear_misfit
    [ -e .venv ] || make_environment
    install
fi
