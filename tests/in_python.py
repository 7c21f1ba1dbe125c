"""Programs and their tests in one process each, as Python runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import msgspec

from microcoder.bench.idioms import plain


def run(cases: Sequence[plain.Case]) -> list[plain.End]:
    """One after the other."""
    done = subprocess.run(
        [sys.executable, "-m", plain.__name__],
        input=msgspec.json.encode(cases),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    return [plain.End(*end) for end in msgspec.json.decode(done.stdout, type=list[tuple[bool, str]])]
