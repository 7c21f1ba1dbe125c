"""Programs in other languages are judged as Python ones are: the same verdicts, the same figures."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from microcoder.evaluator import Evaluator, Problem, Submission, TestCase, submission
from microcoder.evaluator.status import Status
from microcoder.sandbox.errors import LanguageUnavailable
from microcoder.sandbox.languages import LANGUAGES, gcc
from microcoder.sandbox.languages.base import Language
from microcoder.sandbox.languages.cache import Cache
from microcoder.sandbox.languages.gcc import Gcc
from microcoder.sandbox.languages.toolchain import ask
from microcoder.sandbox.launcher import ARENAS
from microcoder.sandbox.limits import MIB, Limits
from microcoder.sandbox.shortage import Kind

pytestmark = pytest.mark.asyncio(loop_scope="session")

SUM = {
    "c": '#include <stdio.h>\n#include <math.h>\nint main(void){int a,b;if(scanf("%d %d",&a,&b)!=2)return 3;'
    'printf("%d\\n",a+b+(int)floor(0.5*(a-a)));}',
    "cpp": "#include <bits/stdc++.h>\nint main(){int a,b;std::cin>>a>>b;if(!std::cin)return 3;std::cout<<a+b;}",
    "go": 'package main\nimport ("fmt"; "os")\nfunc main(){var a,b int; n,_ := fmt.Scan(&a,&b)\n'
    "if n != 2 {os.Exit(3)}\nfmt.Println(a+b)}",
    "java": "import java.util.*;\npublic class Sum { public static void main(String[] a) {\n"
    "Scanner s = new Scanner(System.in);\nif (!s.hasNext()) System.exit(3);\n"
    "System.out.println(s.nextInt() + s.nextInt()); } }",
    "javascript": "const n = require('fs').readFileSync('/dev/stdin', 'utf8').trim().split(/\\s+/).map(Number)\n"
    "if (n.length != 2) process.exit(3)\nconsole.log(n[0] + n[1])",
    "pypy": "import sys\nn = sys.stdin.read().split()\nif len(n) != 2: sys.exit(3)\nprint(int(n[0]) + int(n[1]))",
    "rust": "use std::io::*;\nfn main(){let mut s=String::new();stdin().read_to_string(&mut s).unwrap();\n"
    "let n:Vec<i64>=s.split_whitespace().map(|v|v.parse().unwrap()).collect();\n"
    'if n.len()!=2{std::process::exit(3)}\nprintln!("{}",n[0]+n[1]);}',
}
COMPILED = ("c", "cpp", "go", "java", "rust")
LIMITS = Limits(cpu_time=2, memory=256 * MIB, compile_time=20)


def sums(*tests: tuple[str, str], **limits: object) -> Problem:
    cases = tuple(TestCase(*test) for test in tests)
    return Problem(problem_id="sum", tests=cases, limits=msgspec.structs.replace(LIMITS, **limits))


@pytest.fixture(params=sorted(SUM))
def language(request: pytest.FixtureRequest) -> str:
    if (lack := LANGUAGES[request.param].missing()) is not None:
        pytest.skip(lack)
    return request.param


@pytest.mark.parametrize("times", [1, 2])
async def test_a_compiler_that_the_host_refused_something_gets_it_when_it_is_alone(
    cpp, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    async with Evaluator(workers=1, cache=0) as one:
        prove, left = one.builder.prove, times

        async def lacking(language: Language, *, alone: bool = False) -> None:
            nonlocal left
            if left:
                left -= 1
                raise LanguageUnavailable("cpp: nothing compiles here")
            await prove(language, alone=alone)

        monkeypatch.setattr(one.builder, "prove", lacking)
        monkeypatch.setattr(one.pool.shortages, "since", lambda _moment: {Kind.PROCESSES})
        report = await one.evaluate(sums(("1 2", "3")), Submission(code="int main( {", language="cpp"))
        assert report.status is Status.SYSTEM_ERROR and report.reward is None
        assert ("alone" in (report.message or "")) == (times == 1)


async def test_verdicts(evaluator, jail, language):
    if language not in ("c", "cpp") and jail != "nsjail":
        pytest.skip("one jail is enough: runtimes are slow to start")
    code = Submission(code=SUM[language], language=language)
    report = await evaluator.evaluate(sums(("40 2\n", "42"), ("1 2\n", "4\n")), code)
    assert [test.status for test in report.tests] == [Status.ACCEPTED, Status.WRONG_ANSWER], (report.message, report)
    assert 0 < report.tests[0].cpu_time < 1
    assert MIB < report.tests[0].memory < 256 * MIB
    report = await evaluator.evaluate(sums(("\n", "3\n")), code)
    assert (report.status, report.tests[0].exit_code) == (Status.RUNTIME_ERROR, 3)
    report = await evaluator.evaluate(sums(("", "")), Submission(code="this is ( no program", language=language))
    if language in COMPILED:
        assert report.status is Status.COMPILE_ERROR
        assert "error" in report.message or "main." in report.message  # in the words of the compiler
        assert len(report.message) < 5000
    else:
        assert report.status is Status.RUNTIME_ERROR


async def test_standards_of_cpp(evaluator, cpp):
    source = "#include <bits/stdc++.h>\nint main(){ std::cout << __cplusplus / 100; }"
    for name, year in (("cpp11", "2011"), ("cpp17", "2017"), ("cpp", "2020")):
        report = await evaluator.evaluate(sums(("", year)), Submission(code=source, language=name))
        assert report.accepted, (name, report.message, report.tests)


PROCESS = r"""
#ifndef ONLINE_JUDGE
#error not here
#endif
#include <bits/stdc++.h>
#include <malloc.h>
#include <signal.h>
using namespace std;
static char reserved[400 << 20];
static bool at_exit;
struct S { ~S() { if (at_exit) cout << "exit" << flush; } } s;
int deep(int n) { volatile char x[200]; x[0] = n; return n ? deep(n - 1) + 1 : x[0]; }
int main() {
  string what; cin >> what;
  if (what == "recursion") cout << deep(500000);
  if (what == "threads") {
    atomic<int> n{0}; vector<thread> t;
    for (int i = 0; i < 6; i++) t.emplace_back([&] { n += 1; });
    for (auto& x : t) x.join();
    cout << n;
  }
  if (what == "arenas") {  // of which the C library makes more on a machine of many processors
    atomic<bool> leave{false}; atomic<int> n{0}; vector<thread> t; char* text; size_t size;
    for (int i = 0; i < 30; i++) t.emplace_back([&] { volatile auto p = malloc(1 << 12); free(p); n += 1; while (!leave) sched_yield(); });
    while (n < 30) sched_yield();
    FILE* file = open_memstream(&text, &size);
    malloc_info(0, file); fclose(file);
    leave = true;
    for (auto& x : t) x.join();
    int found = 0;
    for (char* at = text; (at = strstr(at, "<heap nr")); at++) found++;
    cout << found;
  }
  if (what == "heap") { vector<char> v(180 << 20, 1); cout << int(v[77]); }
  if (what == "reserved") cout << int(reserved[1 << 20]);
  if (what == "exit") { at_exit = true; exit(0); }
  if (what == "names") {
    if (!freopen("/dev/stdin", "r", stdin) || !freopen("/dev/stdout", "w", stdout)) return 1;
    char word[20]; if (scanf("%19s", word) != 1) return 2;
    puts(word);
  }
  if (what == "exceptions") { try { throw runtime_error("caught"); } catch (exception& e) { puts(e.what()); } }
  if (what == "files") { ofstream("a.txt") << 5; cout << ifstream("a.txt").rdbuf(); }
  if (what == "signals") puts(signal(SIGPIPE, SIG_IGN) == SIG_DFL ? "default" : "ignored");
}
"""
SAYS = {
    "recursion": "500000",
    "threads": "6",
    "arenas": f"{ARENAS}",
    "heap": "1",
    "reserved": "0",
    "exit": "exit",
    "names": "names",
    "exceptions": "caught",
    "files": "5",
    "signals": "default",
}


async def test_a_compiled_program_is_a_real_process(evaluator, cpp):
    code = Submission(code=PROCESS, language="cpp")
    for what, says in SAYS.items():
        report = await evaluator.evaluate(sums((what, says)), code)
        assert report.accepted, (what, report.message, report.tests)


async def test_early_stop_and_order_hold_for_executables(evaluator, cpp):
    problem = sums(*((f"{n} 1\n", str(n + 1 if n != 3 else 0)) for n in range(8)))
    code = Submission(code=SUM["cpp"], language="cpp")
    first = await evaluator.evaluate(problem, code)
    assert [test.status for test in first.tests[:4]] == [Status.ACCEPTED] * 3 + [Status.WRONG_ANSWER]
    assert first.tests[5].status is Status.SKIPPED
    second = await evaluator.evaluate(problem, code)
    assert second.tests[3].status is Status.WRONG_ANSWER
    assert second.tests[0].status is Status.SKIPPED  # the test that failed comes first now


async def test_a_program_is_compiled_once(evaluator, cpp, monkeypatch, tmp_path):
    """Also when it comes many times at once, and by an evaluator that starts later."""
    monkeypatch.setitem(vars(evaluator.builder), "cache", Cache(tmp_path, 64 * MIB))
    puts: list[str] = []
    put = Cache.put
    monkeypatch.setattr(Cache, "put", lambda self, key, data: (puts.append(key), put(self, key, data))[1])
    code = Submission(code=SUM["cpp"] + "// once", language="cpp")
    problems = [sums(("1 2", "3")) for _ in range(4)]
    reports = await asyncio.gather(*(evaluator.evaluate(problem, code) for problem in problems))
    assert all(report.accepted for report in reports)
    assert len(puts) == 1
    async with Evaluator(jail=evaluator.jail, workers=1) as other:
        other.builder.cache = Cache(tmp_path, 64 * MIB)
        assert (await other.evaluate(problems[0], code)).accepted
    assert len(puts) == 1


async def test_the_cache_is_bounded_and_drops_what_was_not_used(tmp_path):
    cache = Cache(tmp_path, size=40 * MIB)
    cache.put("aa", b"a" * 20 * MIB)
    for name in ("bb", "cc", "dd"):
        cache.put(name, name.encode() * 8 * MIB)
        assert cache.get("aa") is not None
    assert cache.get("bb") is None
    assert cache.get("dd") == b"dd" * 8 * MIB
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 72 * MIB  # looks every 32


async def test_a_language_without_toolchain_is_the_judges_failure(evaluator, monkeypatch):
    monkeypatch.setattr("microcoder.sandbox.languages.rust.real", lambda _: None)
    evaluator.builder.forget()
    report = await evaluator.evaluate(sums(("", "")), Submission(code="fn main(){}", language="rust"))
    assert report.status is Status.SYSTEM_ERROR
    assert report.reward is None
    assert "rust: no rustc: apt-get install" in report.message
    evaluator.builder.forget()


@pytest.mark.parametrize("name", ["cobol", "C++", ""])
async def test_unknown_languages_are_refused_by_name(evaluator, name):
    with pytest.raises(ValueError, match=r"language: unknown language .*known are python, cpp"):
        await evaluator.evaluate(sums(("", "")), Submission(code="x", language=name))


async def test_only_stdio_problems_have_other_languages(evaluator, call):
    report = await evaluator.evaluate(call("f", ([1], 1)), Submission(code="x", language="cpp"))
    assert (report.status, report.reward) == (Status.SYSTEM_ERROR, None)
    assert report.message == "language: call problems are for Python, not 'cpp'"


async def test_the_verdict_cache_knows_languages_apart(cpp):
    """A program that is right in one language and wrong in another."""
    source = "#if 0\nprint(1)\n'''\n#endif\n#include <cstdio>\nint main(){ puts(\"2\"); }\n//'''"
    problem = sums(("", "1"))
    async with Evaluator(workers=1) as evaluator:
        assert (await evaluator.evaluate(problem, source)).accepted
        report = await evaluator.evaluate(problem, Submission(code=source, language="cpp"))
        assert report.status is Status.WRONG_ANSWER


async def test_names_of_files_are_no_options(evaluator, cpp):
    source = '#include <cstdio>\nextern int two;\nint main() { std::printf("%d", two); }'
    for name in ("-DX=.cpp", "-include x.cpp", "-o.cpp", "@x.cpp", "-.cpp", "-x.cpp"):
        submission = Submission(code=source, language="cpp", files={name: f"int two = 2;  // {name}"})
        report = await evaluator.evaluate(sums(("", "2")), submission)
        assert report.accepted, (name, report.message)


async def test_a_compiler_that_compiles_nothing_rejects_nothing(jail, cpp, monkeypatch):
    """Here it cannot load a library of its own, as where a system keeps it in a place that we do not show."""
    mounts = gcc.toolchain_mounts
    own = Path(ask("g++", "-print-prog-name=cc1plus").strip())
    lacks = tuple(mount for mount in mounts("g++", (*gcc.PARTS, "libstdc++.a")) if not own.is_relative_to(mount.target))
    broken = Gcc("broken", "gnu++14")
    monkeypatch.setattr(gcc, "toolchain_mounts", lambda *_: lacks)
    monkeypatch.setitem(LANGUAGES, "broken", broken)
    monkeypatch.setattr(submission, "NAMES", ("broken",))
    async with Evaluator(jail=jail, workers=1, cache=0) as evaluator:
        for code in (SUM["cpp"], "this is ( no program"):
            report = await evaluator.evaluate(sums(("40 2\n", "42")), Submission(code=code, language="broken"))
            assert (report.status, report.reward) == (Status.SYSTEM_ERROR, None), report
            assert "broken: nothing compiles here: g++: " in (report.message or "")


async def test_headers_are_compiled_for_many_at_once_and_stay(cpp, monkeypatch, tmp_path):
    """As many wait as there are, and who finds its own compiled removes no other's."""
    monkeypatch.setattr(gcc, "folder", lambda: tmp_path)
    monkeypatch.setattr(gcc, "FLAGS", ("-O0",))
    others = [Gcc(f"cpp{n}", standard) for n, standard in enumerate(("gnu++11", "gnu++14", "gnu++17") * 4)]
    places = [place for other in others if (place := other._headers) is not None]
    assert len(places) == len(others)
    unused = tmp_path / "headers" / "unused"
    unused.mkdir()
    os.utime(unused, (0, 0))
    with ThreadPoolExecutor(len(others)) as threads:
        list(threads.map(Gcc.prepare, others))
    assert {place.name for place in (tmp_path / "headers").iterdir()} == {"lock", *(place.name for place in places)}
    assert all((place / "bits/stdc++.h.gch").is_file() for place in places)


SHORT = "#include <bits/stdc++.h>\nint main(){int a,b;std::cin>>a>>b;std::cout<<a+b;}"


async def test_headers_that_cannot_be_kept_cost_time_and_no_verdict(jail, cpp, monkeypatch, tmp_path):
    (tmp_path / "headers").write_text("no folder")
    monkeypatch.setattr(gcc, "folder", lambda: tmp_path)
    monkeypatch.setitem(LANGUAGES, "cpp", Gcc("cpp", "gnu++20"))
    async with Evaluator(jail=jail, workers=1, cache=0) as evaluator:
        report = await evaluator.evaluate(sums(("40 2\n", "42")), Submission(code=SHORT + "// slow", language="cpp"))
    assert report.accepted, report


async def test_headers_that_were_removed_meanwhile_cost_no_verdict(jail, cpp, monkeypatch, tmp_path):
    monkeypatch.setattr(gcc, "folder", lambda: tmp_path)
    monkeypatch.setitem(LANGUAGES, "cpp", Gcc("cpp", "gnu++20"))
    for number in range(2):
        async with Evaluator(jail=jail, workers=1, cache=0) as evaluator:
            code = Submission(code=f"{SHORT}// {number}, {jail}, removed", language="cpp")
            report = await evaluator.evaluate(sums(("40 2\n", "42")), code)
        assert report.accepted, report
        shutil.rmtree(tmp_path / "headers")


async def test_what_cannot_be_kept_for_a_language_is_no_traceback(jail, cpp, monkeypatch):
    def prepare(_: Gcc) -> None:
        raise OSError(28, "No space left on device", "/cache")

    monkeypatch.setattr(Gcc, "prepare", prepare)
    async with Evaluator(jail=jail, workers=1, cache=0) as evaluator:
        report = await evaluator.evaluate(sums(("40 2\n", "42")), Submission(code=SHORT, language="cpp"))
    assert report.status is Status.SYSTEM_ERROR
    assert "cpp: [Errno 28] No space left" in (report.message or "")


@pytest.mark.parametrize("language", ["python", "pypy"])
async def test_the_hash_seed_is_the_same_in_every_worker(jail, language):
    if language == "pypy" and (jail != "nsjail" or LANGUAGES["pypy"].missing() is not None):
        pytest.skip("one jail is enough, where there is a PyPy")
    code = Submission(code="print(hash('abc'), *{'a', 'b', 'c', 'd'})", language=language)
    outputs: set[str | None] = set()
    for _ in range(2):
        async with Evaluator(jail=jail, workers=1, cache=0) as evaluator:
            outputs.add((await evaluator.evaluate(sums(("", "no")), code)).tests[0].stdout)
    assert len(outputs) == 1
    if language == "python":
        assert outputs == {under_seed_zero(code.code or "")}


def under_seed_zero(code: str) -> str:
    environment = {"PYTHONHASHSEED": "0"}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env=environment
    ).stdout.decode()
