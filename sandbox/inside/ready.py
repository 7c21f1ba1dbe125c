"""Imported where processes of tests are forked from: pytest is ready for the first text of each."""

from __future__ import annotations

from . import pytests

pytests.prepare()
