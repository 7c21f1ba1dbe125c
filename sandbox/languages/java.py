"""Java. Compiled by a program that calls the compiler and jar in one virtual machine, run as a jar.

A source needs no particular name, and may be in any package: the compiler is told that each public class is where it
should be, as ``java`` tells it of a source that it is given to run. What is started is a class with a method main: one
of the program's own source before one of its files, a public one before others, Main before others, the first.
"""

from __future__ import annotations

import os
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
_FILE = "Main.java"
_OUTSIDE_THE_HEAP = 96 * MIB
"""That the virtual machine itself takes; a quarter of the memory where that is less."""
_STACK = 64 * MIB
"""Of every thread of the program; an eighth of the memory where that is less."""
_QUIET = ("-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_UTF8 = ("-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-Dstderr.encoding=UTF-8")
"""It asks the locale, which a host may lack."""
_MARK = b"\xef\xbb\xbf"
"""Of bytes that are UTF-8, which the compiler takes for a character of the program."""

_BUILD = rb"""
import java.io.*;
import java.lang.reflect.*;
import java.net.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import javax.lang.model.SourceVersion;
import javax.tools.*;
public class Build {
  static boolean starts(Class<?> made) throws ReflectiveOperationException {
    boolean anyMain = Runtime.version().feature() >= 25;
    try {
      for (Class<?> one = made; one != null; one = one.getSuperclass())
        for (Method method : one.getDeclaredMethods()) {
          int is = method.getModifiers();
          List<Class<?>> takes = List.of(method.getParameterTypes());
          boolean usual = Modifier.isPublic(is) && Modifier.isStatic(is) && takes.equals(List.of(String[].class));
          boolean other = !Modifier.isPrivate(is) && (takes.isEmpty() || takes.equals(List.of(String[].class)));
          if (method.getName().equals("main") && method.getReturnType() == void.class && (usual || anyMain && other))
            return true;
        }
    } catch (LinkageError other) {
      // it needs what is not there
    }
    return false;
  }
  static int rank(Class<?> made, boolean own) {
    boolean isPublic = made.getEnclosingClass() == null && Modifier.isPublic(made.getModifiers());
    return (own ? 4 : 0) + (isPublic ? 2 : 0) + (made.getSimpleName().equals("Main") ? 1 : 0);
  }
  public static void main(String[] files) throws Exception {
    JavaCompiler javac = ToolProvider.getSystemJavaCompiler();
    StandardJavaFileManager manager = javac.getStandardFileManager(null, null, StandardCharsets.UTF_8);
    List<JavaFileObject> sources = new ArrayList<>();
    for (JavaFileObject file : manager.getJavaFileObjects(files))
      sources.add(new ForwardingJavaFileObject<>(file) {
        public boolean isNameCompatible(String name, Kind kind) {
          return kind == Kind.SOURCE && SourceVersion.isIdentifier(name) || super.isNameCompatible(name, kind);
        }
      });
    URI first = sources.get(0).toUri();
    Map<String, Boolean> made = new LinkedHashMap<>();
    JavaFileManager noting = new ForwardingJavaFileManager<JavaFileManager>(manager) {
      public JavaFileObject getJavaFileForOutput(Location at, String name, JavaFileObject.Kind kind, FileObject source)
          throws IOException {
        made.put(name, source != null && source.toUri().equals(first));
        return super.getJavaFileForOutput(at, name, kind, source);
      }
    };
    new File("classes").mkdir();
    // Nothing but what is given here: no other file has the name of its class.
    String[] options = {"-d", "classes", "-cp", "classes", "-sourcepath", "classes", "-nowarn", "-proc:none"};
    if (!javac.getTask(null, noting, null, List.of(options), null, sources).call()) System.exit(1);
    String main = null;
    URL[] places = {new File("classes/").toURI().toURL()};
    try (URLClassLoader loader = new URLClassLoader(places, ClassLoader.getPlatformClassLoader())) {
      int best = -1;
      for (Map.Entry<String, Boolean> entry : made.entrySet()) {
        Class<?> one = loader.loadClass(entry.getKey());
        if (rank(one, entry.getValue()) <= best || !starts(one)) continue;
        best = rank(one, entry.getValue());
        main = entry.getKey();
      }
    }
    if (main == null) {
      System.err.println("no class has a method public static void main(String[])");
      System.exit(1);
    }
    String[] jar = {"--create", "--no-compress", "--file", "program.jar", "--main-class", main, "-C", "classes", "."};
    System.exit(java.util.spi.ToolProvider.findFirst("jar").get().run(System.out, System.err, jar));
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
        main = _FILE if _FILE not in files else f"_{_FILE}"
        others = sorted(path_of(name) for name in files if name.endswith(".java"))
        kind = Kind("compile java", "program", self._mounts, tmpfs=128 * MIB)
        argv = ["java", *_QUIET, *_UTF8, "-Xmx1g", "-Xss64m", ".build/Build.java", main, *others]
        command = Command(argv, self._java, address_space=False, stack=COMPILER_STACK)
        return Recipe(kind, command, {".build/Build.java": _BUILD, **files, main: source.removeprefix(_MARK)}, OUTPUT)

    def program(self, built: bytes, source: bytes, files: Mapping[str, bytes], limits: Limits) -> Program:
        heap = max(16 * MIB, limits.memory - min(_OUTSIDE_THE_HEAP, limits.memory // 4)) // MIB
        stack = min(_STACK, limits.memory // 8) // MIB
        command = Command(
            argv=["java", *_QUIET[:2], _QUIET[3], *_UTF8, f"-Xmx{heap}m", f"-Xss{stack}m", "-jar", OUTPUT],
            executable=self._java,
            address_space=False,
            stack=8 * MIB,
            memory_words=["java.lang.OutOfMemoryError"],
            named_streams=names_streams(source, files),
        )
        return Program(Kind("java", "program", self._mounts), b"", command, {**files, OUTPUT: built})
