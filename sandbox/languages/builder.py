"""Compiles programs in a jail that shows the toolchain and the source, and keeps what came of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Mapping
from functools import cached_property
from typing import Any

from ..errors import LanguageUnavailable
from ..execution import Execution, Outcome
from ..kinds import Kind
from ..limits import MIB, Limits
from ..names import unplaceable
from ..pool import Pool
from ..protocol import collected
from ..shared import Shared
from ..shortage import in_thread
from ..worker import Inputs, Work
from .base import CompileError, Language, Program, Recipe, lack_of
from .cache import Cache

ATTEMPTS = 4
"""At a source that does not compile as it is."""
MANY = 1024
"""More than there are languages."""
MEMORY = 2048 * MIB
"""That a compiler may use."""
PROGRAM_BYTES = 48 * MIB
"""That a program may have."""
WORDS = 4000
"""Bytes of the compiler's words that are kept."""

Started = Callable[[Kind, Work], None]

_NOTHING = Inputs([b""])


class Builder:
    """``program`` for each source; sources that were compiled before, by anyone, are not compiled again."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._ready: Shared[str, None] = Shared(MANY)
        self._proven: Shared[str, None] = Shared(MANY)
        """Languages in which something compiles."""
        self._building: Shared[tuple[str, float, bool], bytes | CompileError] = Shared()

    @cached_property
    def cache(self) -> Cache:
        return Cache()

    def forget(self) -> None:
        """Look again for the toolchains of this host."""
        self._ready.forget()
        self._proven.forget()

    async def program(
        self,
        language: Language,
        source: bytes,
        limits: Limits,
        *,
        files: Mapping[str, bytes] | None = None,
        new: bool = False,
        alone: bool = False,
        started: Started | None = None,
    ) -> Program | CompileError:
        """What the tests of a program under ``limits`` run. ``started`` is told of a compiler that starts; ``new`` and
        ``alone`` are those of Pool.worker.

        Raises LanguageUnavailable when there is no toolchain or it compiles nothing, WorkerFailure when the jail broke.
        """
        files = files or {}
        recipe = await self._recipe(language, source, files)
        if (lack := unplaceable(files if recipe is None else recipe.files)) is not None:
            return CompileError(lack)
        if recipe is None:
            return language.program(b"", source, files, limits)
        key = _key(language, recipe)

        def build() -> Coroutine[Any, Any, bytes | CompileError]:
            return self._built(language, recipe, key, limits, new=new, alone=alone, started=started)

        # Who is alone waits for nobody: all others wait for it.
        built = await (build() if alone else self._building.result((key, limits.compile_time, new), build))
        if not isinstance(built, CompileError):
            return language.program(built, source, files, limits)
        if not built.timed_out:
            await self.prove(language, alone=alone)
        return built

    async def prove(self, language: Language, *, alone: bool = False) -> None:
        """What compiles nothing at all rejects no program: compiles the smallest, once. Raises LanguageUnavailable with
        the compiler's words."""
        if language.name in self._proven:
            return

        async def compiled() -> None:
            recipe = await self._recipe(language, language.smallest, {})
            built = recipe and await self._compiled(recipe, Limits(), new=True, alone=alone, started=None)
            if isinstance(built, Execution):
                raise LanguageUnavailable(f"{language.name}: nothing compiles here: {_words(built)}")

        # Not remembered where who is alone asks: nobody may be waited for, and nobody else runs.
        await (compiled() if alone else self._proven.result(language.name, compiled))

    async def _recipe(self, language: Language, source: bytes, files: Mapping[str, bytes]) -> Recipe | None:
        try:
            if language.name in self._ready:
                return language.recipe(source, files)
            await self._ready.result(language.name, lambda: _prepare(language))
            return await in_thread(language.recipe, source, files)
        except OSError as error:  # of what is kept for the language
            raise LanguageUnavailable(f"{language.name}: {error}") from error

    async def _built(
        self,
        language: Language,
        recipe: Recipe,
        key: str,
        limits: Limits,
        *,
        new: bool,
        alone: bool,
        started: Started | None,
    ) -> bytes | CompileError:
        kept = await in_thread(self.cache.get, key)
        if kept is not None:
            return kept
        failed: list[Execution] = []
        following: Recipe | None = recipe
        while following is not None and len(failed) < ATTEMPTS:
            built = await self._compiled(following, limits, new=new, alone=alone, started=started)
            if isinstance(built, bytes):
                await in_thread(self.cache.put, key, built)
                return built
            failed.append(built)
            following = language.another(following, built.stderr) if built.outcome is Outcome.CRASHED else None
        return CompileError(_words(failed[0]), failed[0].outcome is Outcome.TIME_LIMIT)

    async def _compiled(
        self, recipe: Recipe, limits: Limits, *, new: bool, alone: bool, started: Started | None
    ) -> bytes | Execution:
        """The program, or how the compiler ended without one."""
        work = Work(
            inputs=_NOTHING,
            source=b"",
            tests=[0],
            limits=_limits(recipe, limits),
            command=recipe.command,
            files=recipe.files,
            collect=[recipe.output],
        )
        async with self.pool.worker(_NOTHING, kind=recipe.kind, new=new, alone=alone) as worker:
            if started is not None:
                started(recipe.kind, work)
            worker.begin(work)
            received = await worker.receive()
        assert not isinstance(received, str)
        execution = received[0]
        built = collected(execution.result, [recipe.output]).get(recipe.output)
        return execution if execution.outcome is not Outcome.FINISHED or built is None else built


async def _prepare(language: Language) -> None:
    if (lack := await in_thread(lack_of, language)) is not None:
        raise LanguageUnavailable(f"{language.name}: {lack}")
    await in_thread(language.prepare)


def _key(language: Language, recipe: Recipe) -> str:
    """Everything that decides what the compiler makes."""
    digest = hashlib.sha256()
    parts = [language.name.encode(), language.version().encode()]
    parts += [word.encode() for word in recipe.command.argv]
    parts += [part for name in sorted(recipe.files) for part in (name.encode(), recipe.files[name])]
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _limits(recipe: Recipe, limits: Limits) -> Limits:
    """A driver waits for what it started, whose processor time is only known when it has ended."""
    wall = min(10 * limits.compile_time + 10, 3600)
    return Limits(
        cpu_time=limits.compile_time,
        wall_time=wall,
        idle_time=wall if recipe.kind.starts == "processes" else None,
        memory=MEMORY,
        output=PROGRAM_BYTES + MIB,
        stderr=4 * MIB,
        file_size=PROGRAM_BYTES,
        open_files=512,
        threads=128,
    )


def _words(execution: Execution) -> str:
    match execution.limit:
        case "cpu_time" | "idle_time" | "wall_time":
            return "compiling takes more processor time than compile_time allows"
        case "memory":
            return f"compiling takes more than {MEMORY // MIB} MiB of memory"
        case _:
            said = execution.stderr.strip() or execution.stdout.strip()
            ended = f"signal {execution.signal}" if execution.signal else f"exit code {execution.exit_code}"
            cut = said[:WORDS].decode("utf-8", "backslashreplace")
            return cut or f"the compiler made no program of at most {PROGRAM_BYTES // MIB} MiB ({ended})"
