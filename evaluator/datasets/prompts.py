"""What a prompt asks: text, or chat messages."""

from __future__ import annotations

from typing import Any

import msgspec

from .base import as_list, as_object


class Message(msgspec.Struct, frozen=True):
    """Of a chat."""

    role: str
    content: str


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


def messages(prompt: Any) -> list[Message] | None:
    """All that is said before the model answers. None: nothing, or something that is not text."""
    if isinstance(prompt, str):
        return [Message("user", prompt)] if prompt else None
    try:
        said = msgspec.convert(prompt, list[Message])
    except msgspec.ValidationError:
        return None
    while said and said[-1].role == "assistant":
        said.pop()
    return said or None
