"""The interpreter that runs programs, and everything it needs to run inside an empty root.

The interpreter is asked, once, in a plain process: where its standard library is, which shared libraries the
dynamic linker finds for it, for its extension modules and for the packages that programs may import. The linker's own
answer (``dl_iterate_phdr``) is used, so no search rule is written down a second time here. Of the environment it has
what Python finds packages by, and no more: what else decides which libraries are found (LD_LIBRARY_PATH) does not hold
inside.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import msgspec

from .errors import SandboxError

LOCALE = "C.UTF-8"
"""Of programs: text is UTF-8, and nothing else is any country's."""
PACKAGES = ("numpy", "sortedcontainers")
"""Installed packages that programs may import unless the operator says otherwise."""
TESTING = ("_pytest", "iniconfig", "packaging", "pluggy", "py", "pygments", "pytest")
"""pytest, for the tests of programs, and what it imports. All are Python alone: any interpreter can have this one's."""

_PROBE = r"""
import ctypes, glob, importlib.machinery, importlib.util, json, locale, os, sys, sysconfig, zoneinfo
stdlib = sysconfig.get_path("stdlib")
platstdlib = os.path.join(sys.base_exec_prefix, sys.platlibdir, os.path.basename(stdlib))
unwanted = ("_tkinter", "nis", "_test", "_ctypes_test", "xxlimited", "_xxtest")
answer = os.dup(1)
os.dup2(2, 1)  # what packages print when they are imported is no answer
packages, lacking = {}, {}
for name in sys.argv[2:]:
    try: spec = importlib.util.find_spec(name)
    except (ImportError, ValueError): spec = None
    if spec is None or not spec.has_location:
        lacking[name] = "not installed"
        continue
    packages[name] = [os.path.dirname(spec.origin) if spec.submodule_search_locations else spec.origin]
files = [file for folder in {stdlib, platstdlib} for file in glob.glob(os.path.join(folder, "lib-dynload", "*.so"))
    if not os.path.basename(file).startswith(unwanted)]
for name in packages:
    place, = packages[name]
    files += [place] if place.endswith(".so") else glob.glob(os.path.join(place, "**", "*.so*"), recursive=True)
for file in files:
    try: ctypes.PyDLL(file, mode=os.RTLD_LAZY)
    except OSError: pass
try: language, files = locale.setlocale(locale.LC_ALL, sys.argv[1]), open("/proc/self/maps").read().splitlines()
except locale.Error: language, files = "C", []
mapped = [file.split(None, 5)[5] for file in files if file.endswith(("/LC_CTYPE", "/locale-archive"))]
locales = sorted({os.path.dirname(file) if file.endswith("/LC_CTYPE") else file for file in mapped})
class Info(ctypes.Structure): _fields_ = [("addr", ctypes.c_void_p), ("name", ctypes.c_char_p)]
found = []
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Info), ctypes.c_size_t, ctypes.c_void_p)
def each(info, size, data):
    if info.contents.name: found.append(os.fsdecode(info.contents.name))
    return 0
ctypes.CDLL(None).dl_iterate_phdr(each, None)
for folder in {os.path.dirname(os.path.realpath(file)) for file in found}:  # libraries that a package brings beside it
    beside = [parts for parts in packages.values()
        if os.path.realpath(os.path.dirname(parts[0])) == os.path.dirname(folder)]
    if beside and all(folder != os.path.realpath(parts[0]) for parts in beside): beside[0].append(folder)
class Allowed:
    def find_spec(name, path=None, target=None):
        if name in packages: return importlib.machinery.PathFinder.find_spec(name, [os.path.dirname(packages[name][0])])
# As inside: nothing is there but the standard library and what is allowed.
sys.path[:] = [stdlib, platstdlib, os.path.join(platstdlib, "lib-dynload")]
sys.meta_path[:] = [importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter,
    importlib.machinery.PathFinder, Allowed]
for name in packages:
    try: __import__(name)
    except BaseException as error: lacking[name] = f"{type(error).__name__}: {error}".strip()
os.write(answer, json.dumps(dict(lacking=lacking,
    executable=os.path.realpath(getattr(sys, "_base_executable", sys.executable)),
    version=list(sys.version_info[:3]), implementation=sys.implementation.name, stdlib=stdlib, platstdlib=platstdlib,
    locale=language, locales=locales, time_zones=[path for path in zoneinfo.TZPATH if os.path.isdir(path)],
    platlibdir=sys.platlibdir, packages=packages, libraries=[f for f in found if os.path.isabs(f)])).encode())
os._exit(0)  # libraries loaded for their names only may not bear the end of an interpreter
"""


class Interpreter(msgspec.Struct, frozen=True, kw_only=True):
    """Host paths of an interpreter and of what it loads."""

    executable: str
    version: tuple[int, int, int]
    implementation: str
    stdlib: str
    platstdlib: str
    platlibdir: str
    packages: dict[str, tuple[str, ...]]
    """Import name to the files and folders that make up the package."""
    libraries: tuple[str, ...]
    """Shared libraries under the names that the dynamic linker looks them up by."""
    locale: str
    """LOCALE where this host has it, else C, which every C library has built in."""
    locales: tuple[str, ...]
    """Folders or files that the C library reads it from."""
    time_zones: tuple[str, ...]
    """Folders that the module zoneinfo reads."""
    lacking: dict[str, str] = {}
    """Packages that were asked for and cannot be imported, each with the reason; those that are not installed are not
    in ``packages``."""

    def require_packages(self) -> None:
        """Raises SandboxError, which names all that are lacking: programs would fail that are right elsewhere."""
        if self.lacking:
            told = "; ".join(f"{name} ({why})" for name, why in self.lacking.items())
            raise SandboxError(
                f"packages: programs may import these, but cannot here: {told}."
                " Install them, and allow what they need as well; or allow only those that are there (--allow-package)"
            )

    @property
    def tag(self) -> str:
        return f"python{self.version[0]}.{self.version[1]}"


@lru_cache(maxsize=1)
def testing() -> tuple[str, ...]:
    """Folders, and files, of those of TESTING that are installed."""
    places: list[str] = []
    for name in TESTING:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            places.append(str(Path(spec.origin).parent) if spec.submodule_search_locations else spec.origin)
    return tuple(places)


@lru_cache(maxsize=8)
def probe(python: str | None = None, packages: tuple[str, ...] = ()) -> Interpreter:
    """Ask ``python`` (default: the running one) about itself and ``packages``, which it imports as programs would.

    Raises SandboxError when it is not a CPython 3.11 or later that runs here.
    """
    python = python or sys.executable
    if not Path(python).exists():
        raise SandboxError(f"python: no such file: {python}")
    environment = {name: text for name, text in os.environ.items() if name in ("HOME", "PATH") or name[:6] == "PYTHON"}
    command = [python, "-c", _PROBE, LOCALE, *packages]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=True, cwd="/", env=environment)
        found = msgspec.json.decode(done.stdout, type=Interpreter)
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
        said = getattr(error, "stderr", b"") or b""
        words = said.decode(errors="replace").strip().splitlines()
        why = words[-1] if words else error
        raise SandboxError(f"python: {python} does not answer as a Python 3.11 or later: {why}") from error
    if found.implementation != "cpython" or found.version < (3, 11):
        version = ".".join(map(str, found.version))
        raise SandboxError(f"python: {python} is {found.implementation} {version}; programs need CPython 3.11 or later")
    shown = [found.stdlib, found.platstdlib, *(part for parts in found.packages.values() for part in parts)]
    inside = [Path(part).resolve() for part in shown]
    own = tuple(lib for lib in found.libraries if not any(Path(lib).resolve().is_relative_to(part) for part in inside))
    return msgspec.structs.replace(found, libraries=own)
