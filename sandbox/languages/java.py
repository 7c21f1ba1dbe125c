"""Java. Compiled by a program that calls javac and jar in one virtual machine, run as a jar."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from glob import glob
from pathlib import Path

from ..jails.base import Mount
from ..kinds import Kind
from ..limits import MIB, Limits
from ..protocol import Command
from .base import COMPILER_STACK, Language, Program, Recipe, names_streams, path_of
from .toolchain import ask, libraries, real, shown

OUTPUT = "program.jar"
_PUBLIC = re.compile(
    rb"^\s*public\s+(?:(?:final|abstract|strictfp)\s+)*(?:class|interface|enum|record)\s+(\w+)", re.MULTILINE
)
_OUTSIDE_THE_HEAP = 96 * MIB
"""That the virtual machine itself takes; a quarter of the memory where that is less."""
_STACK = 64 * MIB
"""Of every thread of the program; an eighth of the memory where that is less."""
_QUIET = ("-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:TieredStopAtLevel=1", "-Xshare:auto")

_BUILD = rb"""
import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.util.*;
import java.util.spi.ToolProvider;
public class Build {
  static void run(String tool, String... arguments) {
    int code = ToolProvider.findFirst(tool).get().run(System.out, System.err, arguments);
    if (code != 0) System.exit(code);
  }
  public static void main(String[] files) throws Exception {
    List<String> sources = new ArrayList<>(List.of("-d", "classes", "-nowarn", "-proc:none", "-encoding", "UTF-8"));
    sources.addAll(List.of(files).subList(1, files.length));
    run("javac", sources.toArray(new String[0]));
    String main = null;
    try (URLClassLoader loader = new URLClassLoader(new URL[] {new File("classes/").toURI().toURL()}, null)) {
      File[] made = new File("classes").listFiles((d, n) -> n.endsWith(".class"));
      Arrays.sort(made);
      for (File file : made) {
        String name = file.getName().substring(0, file.getName().length() - 6);
        try {
          loader.loadClass(name).getDeclaredMethod("main", String[].class);
          if (main == null || name.equals("Main") || name.equals(files[0])) main = name;
        } catch (NoSuchMethodException | LinkageError other) {}
      }
    }
    if (main == null) {
      System.err.println("no class has a method main(String[])");
      System.exit(1);
    }
    run("jar", "--create", "--no-compress", "--file", "program.jar", "--main-class", main, "-C", "classes", ".");
  }
}
"""


class Java(Language):
    name = "java"
    smallest = b"class Main { public static void main(String[] a) {} }"

    def missing(self) -> str | None:
        if not real("java"):
            return "no java: apt-get install default-jdk-headless"
        return None if real("javac") else "java without javac: apt-get install default-jdk-headless"

    def version(self) -> str:
        return ask(self._java, "-version").splitlines()[0]

    @cached_property
    def _home(self) -> str:
        return os.path.dirname(os.path.dirname(real("javac") or ""))

    @property
    def _java(self) -> str:
        return f"{self._home}/bin/java"

    @cached_property
    def _mounts(self) -> tuple[Mount, ...]:
        """The home of the toolchain, what its links lead to, and its own name, which it finds itself by."""
        inside = [os.path.join(at, name) for at, _, names in os.walk(self._home) for name in names]
        linked = {os.path.realpath(path) for path in inside if os.path.islink(path)}
        linked = {path for path in linked if path.startswith("/etc/java")}
        loaded = [self._java, *glob(f"{self._home}/lib/**/*.so", recursive=True)]
        outside = [path for path in libraries(loaded) if not Path(path).is_relative_to(self._home)]
        mounts = shown([self._home], [*linked, *outside])
        # Without /dev/random it makes seeds out of the timing of threads, for seconds.
        return (*mounts, Mount("device", "/dev/random", "/dev/urandom"), Mount("symlink", "/proc/self/exe", self._java))

    def recipe(self, source: bytes, files: Mapping[str, bytes]) -> Recipe:
        named = _PUBLIC.search(source)
        name = f"{named[1].decode()}.java" if named else "Main.java"
        sources = {**files, name: source}
        kind = Kind("compile java", "program", self._mounts, tmpfs=128 * MIB)
        argv = ["java", *_QUIET, "-Xmx1g", "-Xss64m", ".build/Build.java", name[:-5]]
        argv += sorted(path_of(one) for one in sources if one.endswith(".java"))
        command = Command(argv, self._java, address_space=False, stack=COMPILER_STACK)
        return Recipe(kind, command, {".build/Build.java": _BUILD, **sources}, OUTPUT)

    def program(self, built: bytes, source: bytes, files: Mapping[str, bytes], limits: Limits) -> Program:
        heap = max(16 * MIB, limits.memory - min(_OUTSIDE_THE_HEAP, limits.memory // 4)) // MIB
        stack = min(_STACK, limits.memory // 8) // MIB
        command = Command(
            argv=["java", *_QUIET[:2], _QUIET[3], f"-Xmx{heap}m", f"-Xss{stack}m", "-jar", OUTPUT],
            executable=self._java,
            address_space=False,
            stack=8 * MIB,
            memory_words=["java.lang.OutOfMemoryError"],
            named_streams=names_streams(source, files),
        )
        return Program(Kind("java", "program", self._mounts), b"", command, {**files, OUTPUT: built})
