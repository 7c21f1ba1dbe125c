"""Text is UTF-8 in every language: the locale that the environment names is there, and programs find it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from microcoder.evaluator import Evaluator, Problem, Submission, TestCase, engine
from microcoder.sandbox.interpreter import LOCALE, Interpreter, probe
from microcoder.sandbox.languages import LANGUAGES
from microcoder.sandbox.limits import MIB, Limits

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEXT = "añ😀→"
LINES = f"{TEXT}\nß€\n"
ECHO = f"{TEXT} 4\nß€ 2\nñ→1\n"
"""Each line with its number of characters, and what the source holds."""
UNITS = ECHO.replace("4", "5")
"""The same in languages whose strings are UTF-16."""
C = """#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>
int main(void) {
"""
JAVA = "import java.io.*;\nimport java.util.*;\npublic class Main {\npublic static void main(String[] a) throws Exception {\n"
CPP = "#include <bits/stdc++.h>\nusing namespace std;\nint main() {\n"

PROGRAMS: dict[str, tuple[str, str, str]] = {
    "C, wide": (
        "c",
        C
        + """if (!setlocale(LC_ALL, "")) return 1;
wchar_t s[99];
while (fgetws(s, 99, stdin)) { s[wcslen(s) - 1] = 0; printf("%ls %d\\n", s, (int)wcslen(s)); }
printf("%lc%ls1\\n", (wint_t)L'ñ', L"→"); }""",
        ECHO,
    ),
    "C, multibyte": (
        "c",
        C
        + """setlocale(LC_CTYPE, "");
char s[99];
while (fgets(s, 99, stdin)) {
  s[strlen(s) - 1] = 0;
  mbstate_t state = {0};
  const char *at = s;
  printf("%s %d\\n", s, (int)mbsrtowcs(NULL, &at, 0, &state));
}
puts("ñ→1"); }""",
        ECHO,
    ),
    "C, capitals": ("c", C + 'setlocale(LC_ALL, "");\nwprintf(L"%lc%lc\\n", towupper(L\'ñ\'), towupper(L\'ß\')); }', "Ñß\n"),
    "C, name": ("c", C + 'puts(setlocale(LC_ALL, "")); }', f"{LOCALE}\n"),
    "C, numbers": ("c", C + 'setlocale(LC_ALL, "");\nprintf("%.1f %\'d\\n", 1234.5, 1234567); }', "1234.5 1234567\n"),
    "C++, wide": (
        "cpp",
        CPP
        + """locale::global(locale(""));
wcin.imbue(locale()); wcout.imbue(locale());
wstring s;
while (getline(wcin, s)) wcout << s << L' ' << s.size() << endl;
wcout << L"ñ→" << 1 << endl; }""",
        ECHO,
    ),
    "C++, without the streams of C": (
        "cpp17",
        CPP
        + """ios::sync_with_stdio(false);
locale::global(locale("")); cin.imbue(locale("")); cout.imbue(locale(""));
string s;
while (getline(cin, s)) {
  int n = 0;
  for (unsigned char c : s) n += (c & 0xC0) != 0x80;
  cout << s << " " << n << "\\n";
}
cout << "ñ→" << 1 << "\\n"; }""",
        ECHO,
    ),
    "C++, codecvt": (
        "cpp",
        CPP
        + """wstring_convert<codecvt_utf8<char32_t>, char32_t> as;
string s;
while (getline(cin, s)) cout << s << " " << as.from_bytes(s).size() << endl;
cout << as.to_bytes(U"ñ→1") << endl; }""",
        ECHO,
    ),
    "C++, large numbers": ("cpp", CPP + 'cout.imbue(locale(""));\ncout << 1234567 << " " << 0.5; }', "1234567 0.5"),
    "Java, Scanner": (
        "java",
        JAVA
        + """Scanner in = new Scanner(System.in);
while (in.hasNextLine()) { String s = in.nextLine(); System.out.println(s + " " + s.codePointCount(0, s.length())); }
System.out.println("ñ→" + 1); } }""",
        ECHO,
    ),
    "Java, readers and writers": (
        "java",
        JAVA
        + """BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
PrintWriter out = new PrintWriter(new OutputStreamWriter(System.out));
for (String s; (s = in.readLine()) != null; ) out.println(s + " " + s.length());
out.println("\\u00f1→1"); out.flush(); } }""",
        UNITS,
    ),
    "Java, bytes": (
        "java",
        JAVA
        + """System.out.write(System.in.readAllBytes());
System.out.println("ñ→".getBytes().length + " " + java.nio.charset.Charset.defaultCharset()); } }""",
        f"{LINES}5 UTF-8\n",
    ),
    "Java, files": (
        "java",
        JAVA
        + """try (PrintWriter file = new PrintWriter(new FileWriter("ñ→.txt"))) { file.println("ñ→1"); }
System.out.println(new Scanner(new File("ñ→.txt")).nextLine() + new File(".").list().length); } }""",
        "ñ→12\n",
    ),
    "Java, names": (
        "java",
        ("class Año { int día = 3; }\npublic class Añ { public static void main(String[] ß) { "
        "System.out.println(new Año().día + Añ.class.getName()); } }"),
        "3Añ\n",
    ),
    "Java, byte order mark": ("java", "\ufeffclass Main { public static void main(String[] a) { System.out.println('ñ'); } }", "ñ\n"),
    "JavaScript": (
        "javascript",
        """for (const s of require('fs').readFileSync(0, 'utf8').trim().split('\\n')) console.log(s, [...s].length)
console.log('ñ→' + 1)""",
        ECHO,
    ),
    "JavaScript, lines": (
        "javascript",
        """require('readline').createInterface({input: process.stdin}).on('line', s => console.log(s, s.length))
.on('close', () => process.stdout.write('ñ→1\\n'))""",
        UNITS,
    ),
    "JavaScript, locale": ("javascript", "console.log('ñß'.toUpperCase(), (0.5).toLocaleString(), 'ñ' < 'o')", "ÑSS 0.5 false\n"),
    "Go": (
        "go",
        """package main
import ("bufio"; "fmt"; "os"; "unicode/utf8")
func main() {
in := bufio.NewScanner(os.Stdin)
for in.Scan() { fmt.Println(in.Text(), utf8.RuneCountInString(in.Text())) }
fmt.Printf("%c%s%d\\n", 'ñ', "→", 1) }""",
        ECHO,
    ),
    "Rust": (
        "rust",
        """use std::io::*;
fn main() {
for s in stdin().lock().lines().map(|s| s.unwrap()) { println!("{} {}", s, s.chars().count()); }
println!("{}→{}", 'ñ', 1); }""",
        ECHO,
    ),
    "Python": ("python", "import sys\nfor s in map(str.strip, sys.stdin): print(s, len(s))\nprint('ñ→1')", ECHO),
    "Python, locale": (
        "python",
        ("import locale\nlocale.setlocale(locale.LC_ALL, '')\n"
        "print(f'{1234567:n}', locale.getlocale(), locale.nl_langinfo(locale.CODESET), locale.strxfrm('ñ') == 'ñ')"),
        "1234567 ('en_US', 'UTF-8') UTF-8 True\n",
    ),
    "Python, files": (
        "python",
        ("import os\nwith open('ñ→', 'w') as f: print(f.encoding, file=f)\n"
        "print(open('ñ→').read().upper().strip(), sorted(os.listdir('.')), os.fsencode('ñ'))"),
        f"UTF-8 ['main.py', 'ñ→'] {'ñ'.encode()}\n",
    ),
    "Python, what is no text": (
        "python",
        ("import sys\nprint(sys.stdin.errors, sys.stdout.encoding, ascii(b'\\xff'.decode(errors='surrogateescape')))\n"
        "print('\\udcff'.encode(errors='surrogateescape'), '\\udcc3\\udcb1')"),
        "surrogateescape utf-8 '\\udcff'\nb'\\xff' ñ\n",
    ),
    "PyPy": ("pypy", "import sys\nfor s in map(str.strip, sys.stdin): print(s, len(s))\nprint('ñ→1')", ECHO),
    "PyPy, locale": ("pypy", "import locale\nlocale.setlocale(locale.LC_ALL, '')\nprint(open('ñ', 'w').encoding.upper())", "UTF-8\n"),
}  # fmt: skip


def problem_of(expected: str) -> Problem:
    limits = Limits(cpu_time=5, compile_time=30, memory=512 * MIB)
    return Problem(problem_id="text", tests=(TestCase(LINES, expected),), limits=limits)


@pytest.mark.parametrize("name", PROGRAMS)
async def test_text(evaluator, jail, name: str) -> None:
    language, code, expected = PROGRAMS[name]
    if language != "python" and (lack := LANGUAGES[language].missing()) is not None:
        pytest.skip(lack)
    if language not in ("python", "c", "cpp") and jail != "nsjail":
        pytest.skip("one jail is enough: runtimes are slow to start")
    report = await evaluator.evaluate(problem_of(expected), Submission(code=code, language=language))
    assert report.accepted, (report.message, report.tests)


@pytest.mark.parametrize(
    "name", ["C++, large numbers", "C, numbers", "Java, readers and writers", "Python", "Python, files"]
)
async def test_on_a_host_without_that_locale(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    language, code, expected = PROGRAMS[name]
    if language != "python" and (lack := LANGUAGES[language].missing()) is not None:
        pytest.skip(lack)

    def without(*asked: Any) -> Interpreter:
        return msgspec.structs.replace(probe(*asked), locale="C", locales=())

    monkeypatch.setattr(engine, "probe", without)
    async with Evaluator(workers=1, cache=0) as own:
        report = await own.evaluate(problem_of(expected), Submission(code=code, language=language))
        assert report.accepted, (report.message, report.tests)
        source = "import os, locale\nprint(os.environ['LANG'], locale.setlocale(locale.LC_ALL, ''))"
        report = await own.evaluate(problem_of("C C\n"), source)
        assert report.accepted, report.tests
