"""The program's side of a test of assertions that was read: calls its functions in turn, and tells what came of that.

Standard input holds a line for each call, ``[name, args, keywords]``, with values as in ``values``. Of each one line
goes to the result file as soon as it is done, so that what ends the process early leaves what came before:

    [0, value]    where it is no data, or holds what is none, with {"other": its type} there
    [1, text]     an exception, and the last line

The program could write these lines itself. Then it has to know what the test wants to see.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from .values import decode, encode, undefined

TEXT = 300

Write = Callable[[bytes], None]


def serve(scope: dict[str, Any], lines: Iterable[bytes], write: Write) -> None:
    """SystemExit and the like go on through: they end the process, as they would anywhere."""
    for line in lines:
        name, args, keywords = json.loads(line)
        try:
            if name not in scope:
                raise NameError(undefined(name))
            value = scope[name](*map(decode, args), **{key: decode(item) for key, item in keywords.items()})
        except MemoryError:
            raise
        except Exception as error:
            record = [1, _text(error)]
        else:
            record = [0, _data(value)]
        write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        if record[0]:
            break


def _data(value: Any) -> object:
    try:
        return encode(value, _no_data)
    except MemoryError:
        raise
    except Exception:  # it is nested too deep, or an iterator that fails: the test itself has to see that
        return _no_data(value)


def _no_data(value: Any) -> object:
    return {"other": type(value).__name__}


def _text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:TEXT]
    except Exception:
        return type(error).__name__
