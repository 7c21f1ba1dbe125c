"""Sources compile as on the judges that published them: whatever their class and package are called, and their globals."""

from __future__ import annotations

import pytest

from microcoder.evaluator import Problem, Status, Submission, TestCase
from microcoder.sandbox.languages import LANGUAGES
from microcoder.sandbox.limits import MIB, Limits

pytestmark = pytest.mark.asyncio(loop_scope="session")


def problem_of(wanted: str = "3\n") -> Problem:
    limits = Limits(cpu_time=5, compile_time=30, memory=512 * MIB)
    return Problem(problem_id="three", tests=(TestCase("1 2\n", wanted),), limits=limits)


# --------------------------------------------------------------------------------------------------------------- Java

BODY = "public static void main(String[] a) { System.out.println(3); }"
NOT = "public static void main(String[] a) { System.out.println(4); }"
JAVA: dict[str, str] = {
    "package": f"package com.x;\npublic class Main {{ {BODY} }}",
    "package, another name": f"package a.b.c;\n\npublic class Solution {{ {BODY} }}",
    "package after a comment": f"/* by me */\n// package y;\npackage x /* z */ ;\npublic class A {{ {BODY} }}",
    "one line": f"import java.util.*; public class Solution {{ {BODY} }}",
    "annotated": f'@SuppressWarnings("unchecked") public class Solution {{ {BODY} }}',
    "comment within": f"public /* class No */ class Solution {{ {BODY} }}",
    "public class in text": f'class A {{ static String s = """\npublic class No {{}}\n"""; }}\npublic class Solution {{ {BODY} }}',
    "nested before": f"class A {{\n  public class Inner {{}}\n}}\npublic class Solution {{ {BODY} }}",
    "several public": f"public class Helper {{}}\npublic class Solution {{ {BODY} }}",
    "public of several": f"class Main {{ {NOT} }}\npublic class Solution {{ {BODY} }}",
    "first of several": f"class B {{ {BODY} }}\nclass A {{ {NOT} }}",
    "sealed": f"public sealed class Solution permits Part {{ {BODY} }}\nfinal class Part extends Solution {{}}",
    "interface": "interface Main { static void main(String[] a) { System.out.println(3); } }",
    "inherited": f"class Base {{ {BODY} }}\npublic class Solution extends Base {{}}",
    "varargs, final": "class Main { public static final void main(final String... a) throws Exception { System.out.println(3); } }",
    "nested main": f"class Outer {{ static class Main {{ {BODY} }} }}",
    "other methods main": f"class Main {{ static void main(int n) {{}} void main() {{}} {BODY} }}",
    "of a module": f"import java.sql.*;\npublic class Main {{ static void f(Timestamp t) {{}} {BODY} }}",
    "initializer": f"public class Main {{ static {{ if (true) throw new Error(); }} {NOT} }}",
}


@pytest.mark.parametrize("name", JAVA)
async def test_java(evaluator, jail, name: str) -> None:
    if (lack := LANGUAGES["java"].missing()) is not None:
        pytest.skip(lack)
    if jail != "nsjail":
        pytest.skip("one jail is enough: compiling is slow")
    report = await evaluator.evaluate(problem_of(), Submission(code=JAVA[name], language="java"))
    if name == "initializer":
        assert report.status is Status.RUNTIME_ERROR and "Error" in (report.tests[0].stderr or ""), report
    else:
        assert report.accepted, (report.message, report.tests)


HELPER = "package h;\npublic class Helper { public static int three() { return 3; } }"
JAVA_FILES: dict[str, tuple[str, dict[str, str]]] = {
    "package": ("package m;\nimport h.*;\npublic class Go { %s }", {"h/Helper.java": HELPER}),
    "flat": ("package m;\nimport h.*;\npublic class Go { %s }", {"Helper.java": HELPER}),
    "a main beside": (
        "import h.*;\nclass Go { %s }",
        {"H.java": HELPER, "Main.java": f"public class Main {{ {NOT} }}"},
    ),
    "main elsewhere": ("class Nothing {}", {"Go.java": "import h.*;\nclass Go { %s }", "Helper.java": HELPER}),
}


@pytest.mark.parametrize("name", JAVA_FILES)
async def test_java_of_several_files(evaluator, jail, name: str) -> None:
    if (lack := LANGUAGES["java"].missing()) is not None:
        pytest.skip(lack)
    if jail != "nsjail":
        pytest.skip("one jail is enough: compiling is slow")
    code, files = JAVA_FILES[name]
    body = BODY.replace("3", "Helper.three()")
    files = {file: text.replace("%s", body) for file, text in files.items()}
    report = await evaluator.evaluate(
        problem_of(), Submission(code=code.replace("%s", body), language="java", files=files)
    )
    assert report.accepted, (report.message, report.tests)


NO_JAVA = {
    "no main": ("public class Main { static void f() {} }", "main"),
    "main of an object": ("public class Main { public int main(String[] a) { return 3; } }", "main"),
    "twice": (f"class Main {{ {BODY} }}\nclass Main {{}}", "duplicate class"),
    "wrong": ("package x;\npublic class Main { int n = ; }", "Main.java:2: error"),
    "no package": (f"package 3;\npublic class Main {{ {BODY} }}", "Main.java:1: error"),
}


@pytest.mark.parametrize("name", NO_JAVA)
async def test_what_is_no_java(evaluator, jail, name: str) -> None:
    if (lack := LANGUAGES["java"].missing()) is not None or jail != "nsjail":
        pytest.skip(lack or "one jail is enough: compiling is slow")
    code, words = NO_JAVA[name]
    report = await evaluator.evaluate(problem_of(), Submission(code=code, language="java"))
    assert report.status is Status.COMPILE_ERROR and words in (report.message or ""), report


# -------------------------------------------------------------------------------------------------------- C and C++

ALL = "#include <bits/stdc++.h>\nusing namespace std;\n"
READ = "int a, b;\nint main() { cin >> a >> b; "
GLOBALS: dict[str, tuple[str, str]] = {
    "link": ("cpp", f"{ALL}int link[100];\n{READ}link[3] = a + b; cout << link[3]; }}"),
    "read": ("cpp", f"{ALL}int read;\n{READ}read = a + b; cout << read; }}"),
    "several": ("cpp", (f"{ALL}int link[9], pipe, dup, access, pause, y1, index;\n{READ}link[1] = pipe = dup = access = 0; "
                "pause = y1 = index = a + b; cout << index; }")),
    "more than a compiler tells": (
        "cpp",
        ALL + "".join(f"int {name};\n" for name in ("link", "read", "write", "close", "dup", "pipe", "access", "pause", "nice",
                                                    "sync", "fork", "brk", "swab", "alarm", "sleep", "unlink"))
        + READ + "link = read = write = close = a + b; cout << link; }",
    ),
    "cpp23": ("cpp23", f"{ALL}int link[100];\n{READ}link[3] = a + b; cout << link[3]; }}"),
    "cpp17": ("cpp17", f"{ALL}int link[100], read;\n{READ}link[3] = a + b; cout << link[3] + read; }}"),
    "a type": ("cpp", f"{ALL}typedef unsigned long long ulong;\n{READ}ulong n = a + b; cout << n; }}"),
    "another type of function": ("cpp", f"{ALL}long long random() {{ return 3; }}\n{READ}cout << random(); }}"),
    "the same function": ("cpp", f"{ALL}void sync() {{ cout << 3; }}\n{READ}sync(); }}"),
    "an overload": ("cpp", f"{ALL}int read() {{ int n; cin >> n; return n; }}\nint main() {{ int n = read(); cout << n + read(); }}"),
    "a template": ("cpp", f"{ALL}template<class T> void read(T &x) {{ cin >> x; }}\nint main() {{ int a, b; read(a); read(b); cout << a + b; }}"),
    "a type that a function hides": ("cpp", f"{ALL}struct link {{ int n; }};\nenum class access {{ no, yes = 3 }};\nlink c[9];\n{READ}c[1].n = (int)access::yes; cout << c[1].n; }}"),
    "a function that returns a function": ("cpp", f"{ALL}bool signal = true;\n{READ}cout << a + b * signal; }}"),
    "an enumeration": ("cpp", f"{ALL}enum {{ link, read, write = 3 }};\n{READ}cout << write; }}"),
    "other headers": ("cpp", f"#include <iostream>\n#include <semaphore>\n  # include <cmath>\nusing namespace std;\nint link, y0;\n{READ}cout << a + b; }}"),
    "members of the same name": ("cpp", f"{ALL}int link;\nstruct Node {{ Node *link; int read; }};\n{READ}Node n{{nullptr, a + b}}; link = n.read; cout << link; }}"),
    "in C, getline": ("c", ('#include <stdio.h>\nint getline(char *s, int n) { int c, i = 0; while (i < n - 1 && (c = getchar()) != EOF && c != \'\\n\') s[i++] = c; s[i] = 0; return i; }\n'
                      'int main(void) { char s[9]; printf("%d\\n", getline(s, 9)); }')),
    "in C, index": ("c", '#include <stdio.h>\n#include <string.h>\nint index = 3;\nint main(void) { printf("%d\\n", index + (int)strlen("")); }'),
    "in C, y1 and link": ("c", '#include <math.h>\n#include <stdio.h>\n#include <unistd.h>\nint y1 = 1, link = 2;\nint main(void) { printf("%d\\n", (int)floor(y1) + link); }'),
}  # fmt: skip


@pytest.mark.parametrize("name", GLOBALS)
async def test_globals(evaluator, jail, cpp, name: str) -> None:
    if jail != "nsjail":
        pytest.skip("one jail is enough: compiling is slow")
    language, code = GLOBALS[name]
    report = await evaluator.evaluate(problem_of(), Submission(code=code, language=language))
    assert report.accepted, (report.message, report.tests)


async def test_globals_beside_files(evaluator, jail, cpp) -> None:
    files = {
        "own.h": "extern int link;\nint twice();\n",
        "own.cpp": '#include <unistd.h>\n#include "own.h"\nint twice() { return 2 * link; }',
    }
    code = f'{ALL}#include "own.h"\nint link = 1;\n{READ}cout << twice() + link; }}'
    report = await evaluator.evaluate(problem_of(), Submission(code=code, language="cpp", files=files))
    assert report.accepted, (report.message, report.tests)


NOT_RIGHT = {
    "used as the system's, too": (f'{ALL}#include <unistd.h>\nint link;\n{READ}cout << link("a", "b"); }}', "link"),
    "its own": (f"{ALL}int link;\nvoid link() {{}}\n{READ}}}", "link"),
    "no type": (f"{ALL}int link;\n{READ}cout << nothing; }}", "nothing"),
    "main": (f"{ALL}int main;\n", "main"),
    "said by the program": (
        "#error /usr/include/x.h:1:1: note: previous declaration 'int main()'\nint main() {}",
        "#error",
    ),
}


@pytest.mark.parametrize("name", NOT_RIGHT)
async def test_what_does_not_compile_says_why(evaluator, jail, cpp, name: str) -> None:
    if jail != "nsjail":
        pytest.skip("one jail is enough: compiling is slow")
    code, words = NOT_RIGHT[name]
    report = await evaluator.evaluate(problem_of(), Submission(code=code, language="cpp"))
    assert report.status is Status.COMPILE_ERROR, report
    assert words in (report.message or "") and "main.cpp" in (report.message or ""), report.message
    assert "_of_the_program" not in (report.message or ""), "of the source as it is"


async def test_error_text_of_executables_is_no_verdict(evaluator, jail, cpp) -> None:
    code = f'{ALL}{READ}for (int i = 0; i < 3000000; i++) cerr << "debugging " << i << endl; cout << a + b; }}'
    report = await evaluator.evaluate(problem_of(), Submission(code=code, language="cpp"))
    assert report.accepted, (report.message, report.tests)
