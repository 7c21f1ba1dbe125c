"""Large texts of an answer: what the encoder writes of them at once, with turns for others in between."""

from __future__ import annotations

import asyncio
import base64

import msgspec
import pytest

from microcoder.evaluator.server import decode, pieces

DATA = {
    "text": "aé€😀".encode() * 20_000,
    "controls": b"\x01" * 200_000,
    "no text": b"\xff" * 200_000,
    "cut off": "😀".encode() * 50_000 + "😀".encode()[:3],
    "quotes": b'"\\\n' * 70_000,
    "small": b"\xc3\x01",
    "nothing": b"",
}


class Answer(msgspec.Struct):
    stdout: str


@pytest.mark.asyncio
@pytest.mark.parametrize("media", [decode.JSON, decode.MSGPACK])
@pytest.mark.parametrize("name", DATA)
async def test_pieces_are_the_whole(name: str, media: str) -> None:
    data = DATA[name]
    for made, whole in (
        (pieces.text(data, media), data.decode("utf-8", "replace")),
        (pieces.in_base64(data, media), base64.b64encode(data).decode()),
    ):
        answer = decode.encode(Answer(await made), media)
        assert decode.Decoder(Answer).decode(answer, media) == Answer(whole)
        if media == decode.JSON:
            assert answer == decode.encode(Answer(whole), media)


@pytest.mark.asyncio
async def test_others_get_their_turn_for_each_piece() -> None:
    data = b"\x01" * (40 * pieces.PIECE)
    making = asyncio.create_task(pieces.text(data, decode.JSON))
    turns = 0
    while not making.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 40


@pytest.mark.asyncio
@pytest.mark.parametrize("media", [decode.JSON, decode.MSGPACK])
async def test_a_list_that_is_encoded_by_its_items_is_the_same(media: str) -> None:
    items = [Answer(f"{n}") for n in range(300)]
    size = sum(len(decode.encode(item, media)) for item in items)
    written = await pieces.encoded(items, media, most=size)
    assert decode.encode({"results": written}, media) == decode.encode({"results": items}, media)
    assert await pieces.encoded(items, media, most=size - 1) is None
