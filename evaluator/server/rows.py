"""Rows of data sets, of any format, made problems and programs: as `datasets` reads them from files. This runs in a
*reader*, see `reading`: nothing says beforehand what it takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from ...sandbox.languages import NAMES
from ..datasets.base import BadRow, decode
from ..integrations.truth import example_of
from ..options import RewardOptions
from ..submission import Submission
from .decode import JSON
from .errors import BadRequest, TooLarge
from .labels import Labelled, Made, Most, Named, bad_request, checked


def read_problem(body: bytes, media: str, most: Most) -> Made:
    """Without its programs. Raises BadRequest, TooLarge."""
    return _read(body, media, RewardOptions(), most)[0]


def read_row(body: bytes, media: str, options: RewardOptions, most: Most) -> Made:
    """Raises BadRequest, TooLarge."""
    made, programs = _read(body, media, options, most)
    labelled: list[Labelled] = []
    left_out: Counter[str] = Counter()
    for program in programs:
        if isinstance(program, BadRow):
            raise bad_request(program, "$")
        if program.language in NAMES:
            labelled.append(Labelled(0, program))
        else:
            left_out[program.language] += 1
        if len(labelled) > most.programs:
            raise TooLarge(f"more than {most.programs} programs; this server allows no more in a request")
    return msgspec.structs.replace(made, programs=labelled, left_out=dict(left_out))


def as_msgpack(body: bytes, most: Most) -> Made:
    """JSON as Python writes it, with NaN, as what says the same. Raises BadRequest, TooLarge."""
    try:
        data = msgspec.msgpack.encode(decode(dict[str, Any], body, (Path("body"), 0)))
    except BadRow as error:
        raise bad_request(error, "$") from None
    except (OverflowError, RecursionError) as error:
        raise BadRequest(f"not JSON that can be read: {error}", path="$") from None
    return _fitting(data, most)


def _read(body: bytes, media: str, options: RewardOptions, most: Most) -> tuple[Made, Iterable[Submission | BadRow]]:
    try:
        content = body if media == JSON else msgspec.msgpack.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"not msgpack: {error}", path="$") from None
    try:
        form, example = example_of(content, body, "row", options)
    except BadRow as error:
        raise bad_request(error, "$") from None
    made = _fitting(checked(example.problem, most, "$"), most)
    return msgspec.structs.replace(made, form=form), example.programs


def _fitting(data: bytes, most: Most) -> Made:
    if len(data) > most.size:
        raise TooLarge(f"the problem has more than {most.size} bytes; this server allows no more")
    return Made([Named("$", data)], [])
