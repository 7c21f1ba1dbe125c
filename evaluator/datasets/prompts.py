"""What a prompt asks, and what is said to it: text, or chat messages."""

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
            return said(content) if isinstance(content, str | list) else None
    return None


def messages(prompt: Any) -> list[Message] | None:
    """All that is said before the model answers. None: nothing, or something that is not text."""
    if isinstance(prompt, str):
        return [Message("user", prompt)] if prompt else None
    try:
        earlier = msgspec.convert(prompt, list[Message])
    except msgspec.ValidationError:
        return None
    while earlier and earlier[-1].role == "assistant":
        earlier.pop()
    return earlier or None


def said(content: Any) -> str:
    """The text of a message: as it is, or that of its parts that have some."""
    if isinstance(content, str):
        return content
    texts = [part.get("text") for each in as_list(content) or () if (part := as_object(each)) is not None]
    return "".join(text for text in texts if isinstance(text, str))


def before(prompt: str, entry_point: str | None) -> str:
    """What a prompt defines before the function that is asked for: imports, and helpers that programs may call."""
    if entry_point is None:
        return prompt
    at = prompt.rfind(f"def {entry_point}(")
    return prompt[: max(at, 0)]
