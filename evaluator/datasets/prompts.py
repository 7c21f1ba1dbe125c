"""What a prompt asks: text, or chat messages."""

from __future__ import annotations

from typing import Any

from .base import as_list, as_object


def asked(prompt: Any) -> str | None:
    """What the user says first."""
    if isinstance(prompt, str):
        return prompt
    for each in as_list(prompt) or ():
        message = as_object(each)
        if message and message.get("role") == "user":
            content = message.get("content")
            return content if isinstance(content, str) else None
    return None
