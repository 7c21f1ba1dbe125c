"""Nothing that a program leaves behind meets the next one. (From test to test of one program: test_lanes.)"""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOOK = """
import os, signal, sys, threading
print(sorted(os.listdir("/work")), sorted(os.listdir("/tmp")), os.getcwd(), oct(os.umask(0)), dict(os.environ))
print(oct(os.stat("/work").st_mode), oct(os.stat("/tmp").st_mode), threading.active_count(), sys.getrecursionlimit())
print([signal.getsignal(n) for n in (2, 10, 14, 15)], signal.pthread_sigmask(signal.SIG_BLOCK, []), sys.path)
print(len.__module__, sys.gettrace(), sys.getswitchinterval(), sys.get_int_max_str_digits(), os.path.join("a", "b"))
open("/work/new", "w").write("x"), open("/tmp/new", "w").write("x")
"""

_LITTER = r"""
== files
for folder in ('/tmp', '/work'):
  for n in range(300): open(f'{folder}/{n}', 'w').write('x')
== forbidden folder
os.makedirs('/work/a/b/c')
open('/work/a/b/c/f', 'w')
os.chmod('/work/a/b', 0)
os.chmod('/work/a', 0)
== forbidden file
open('/work/f', 'w')
os.chmod('/work/f', 0)
== the folders themselves
for folder in ('/work', '/tmp'):
  try: os.chmod(folder, 0)
  except OSError: pass
== read-only folders
for folder in ('/work', '/tmp'):
  try: os.chmod(folder, 0o555)
  except OSError: pass
== deep folders
for n in range(3000):
  os.mkdir('d')
  os.chdir('d')
== strange names
for name in (b'\xff\xfe', b'\n', b' ', b'-rf', b'*', b'\xed\xa0\x80', b'a' * 255, b'...'):
  os.mkdir(b'/work/' + name)
  open(b'/work/' + name + b'/' + name, 'w')
== names of the sweeper
for n in range(100):
  os.makedirs(f'/work/.{n}/{n}/x')
  os.makedirs(f'/work/d{n}/d{n}')
  open(f'/work/d{n}/f', 'w')
  open(f'/work/.{n}/f', 'w')
== names of the streams
os.makedirs('/tmp/.stdout/x')
os.symlink('/runner.py', '/tmp/.stdin')
os.mkdir('/tmp/.stderr')
== links
os.symlink('/', '/work/root')
os.symlink('/work', '/work/self')
os.symlink('x', '/work/x')
os.mkdir('/work/d')
os.symlink('..', '/work/d/up')
open('/work/f', 'w')
os.link('/work/f', '/work/d/g')
== full folders
for folder in ('/tmp', '/work'):
  try:
    for n in range(200): open(f'{folder}/{n}', 'wb').write(bytes(900_000))
  except OSError: pass
== all inodes
try:
  for n in range(6000): open(f'/work/{n}', 'w').close()
except OSError: pass
== folder in use
os.mkdir('/work/d')
os.chdir('/work/d')
handle = os.open('.', os.O_RDONLY)
== locked and mapped
import fcntl, mmap
f = open('/work/f', 'w+b')
f.write(bytes(8192))
f.flush()
fcntl.flock(f, fcntl.LOCK_EX)
m = mmap.mmap(f.fileno(), 8192)
== shadowing modules
for name in ('numpy', 'json', 'random', 'sitecustomize', 'usercustomize', 'threading', 'encodings'):
  for folder in ('/work', '/tmp'): open(f'{folder}/{name}.py', 'w').write('print(666)')
== environment
os.environ.update(PYTHONPATH='/tmp', LANG='de', NEW='1')
os.environ.pop('PATH')
os.putenv('X', 'y')
== signals
import signal
for n in range(1, 65):
  try: signal.signal(n, signal.SIG_IGN)
  except (OSError, ValueError): pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
== threads
import threading, time
for n in range(4): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
== interpreter
import builtins, collections, math
sys.setrecursionlimit(50)
sys.settrace(lambda *_: None)
sys.path[:] = []
os.path.join = builtins.len = None
sys.modules.clear()
sys.setswitchinterval(9)
sys.set_int_max_str_digits(0)
== streams
for fd in range(1024):
  try: os.close(fd)
  except OSError: pass
== umask and folder
os.umask(0o777)
os.chdir('/')
== limits
import resource
for n in range(16):
  try: resource.setrlimit(n, (1, 1))
  except (OSError, ValueError): pass
"""
LITTER = {name: source for name, _, source in (part.partition("\n") for part in f"\n{_LITTER}".split("\n== ")[1:])}


@pytest.mark.parametrize("how", ["ends", "is killed"])
@pytest.mark.parametrize("name", LITTER)
async def test_the_next_program_finds_nothing(arena, name, how):
    before = await arena.run(LOOK)
    assert before.exit_code == 0, before.stderr
    end = "" if how == "ends" else "\nos.kill(os.getpid(), 9)"
    await arena.judge(f"import os, sys\n{LITTER[name]}{end}", arena.product)
    after = await arena.run(LOOK)
    assert after.stdout == before.stdout, after.stderr


TIMES = """
import os
for folder in ("/tmp", "/work"):
    known = os.stat(folder)
    print(known.st_atime_ns, known.st_mtime_ns, known.st_ctime_ns)
"""


@pytest.mark.parametrize("times", ["", ", ns=(1, 2)", ", ns=(1 << 62, 1 << 62)"], ids=["present", "past", "future"])
async def test_the_times_of_the_folders_are_no_note(arena, times):
    """Whoever may write into a folder can set its times to the present, its owner to any."""
    left = await arena.run(f"""
import os, time
for folder in ("/tmp", "/work"):
    try: os.utime(folder{times})
    except PermissionError: os.utime(folder)
{TIMES}
end = time.monotonic() + 0.02  # the clock of a file system may have coarse steps
while time.monotonic() < end: pass
""")
    found = await arena.run(f"{TIMES}\nimport time\nprint(time.time_ns())")
    assert left.exit_code == found.exit_code == 0, (left.stderr, found.stderr)
    *there, now = map(int, (found.stdout or "").split())
    assert not set(there) & set(map(int, (left.stdout or "").split()))
    assert all(now - 60e9 < time <= now for time in there)


async def test_no_folder_of_the_jail_keeps_anything(arena):
    await arena.judge("""
import os
for path, _, _ in os.walk("/"):
    for attack in (os.mkdir, lambda name: open(name, "w").close(), lambda name: os.symlink("note", name)):
        try: attack(f"{path}/note")
        except OSError: pass
""")
    found = await arena.run(
        "import os\nprint([path for path, folders, files in os.walk('/') if 'note' in folders + files])"
    )
    assert found.stdout == "[]\n"


DESCRIPTORS = """
import os, fcntl
def each():
    for fd in range(3, 1024):
        try: yield fd, fcntl.fcntl(fd, fcntl.F_GETFL), os.lseek(fd, 0, os.SEEK_CUR), os.fstat(fd).st_size
        except OSError: pass
"""
MARKS = {
    "content": "os.pwrite(fd, b'note', 5000)",
    "size": "os.ftruncate(fd, 100_000)",
    "place": "os.lseek(fd, 70_000, 0)",
    "append": "fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)",
    "flags": "fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC | os.O_NOATIME)",
    "mode": "os.fchmod(fd, 0o123)",
    "time": "os.utime(fd, (1, 1))",
}


@pytest.mark.parametrize("mark", MARKS)
async def test_no_descriptor_keeps_anything(arena, mark):
    """Besides the three streams a process may hold files of the runner's; they are new ones for every program."""
    look = f"{DESCRIPTORS}print(*(known for _, *known in each()), *((os.fstat(fd).st_mode, os.fstat(fd).st_mtime == 1) for fd, *_ in each()))"
    before = await arena.run(look)
    await arena.judge(f"{DESCRIPTORS}for fd, *_ in each():\n  try: {MARKS[mark]}\n  except OSError: pass\n")
    after = await arena.run(look)
    assert after.stdout == before.stdout


async def test_what_a_program_tells_of_itself_is_not_told_of_the_next_one(arena):
    """A process notes how its tests went in a file. It is out of memory, says this one, and appends what follows."""
    crash = arena.problem(("", ""))
    before = await arena.judge("raise ValueError", crash)
    await arena.judge(f"""{DESCRIPTORS}
for fd, *_ in each():
    try:
        for place in range(40):
            os.pwrite(fd, b"".join(n.to_bytes(8, "little") for n in (4, 1, 1, 1, 0)), 40 * place)
        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND)
    except OSError:
        pass
os._exit(1)
""")
    after = await arena.judge("raise ValueError", crash)
    assert (after.status, after.tests[0].message) == (before.status, before.tests[0].message)


async def test_a_module_in_the_working_folder_is_only_for_the_program_that_wrote_it(arena):
    await arena.judge("open('/work/colorsys.py', 'w').write('poison = 1')\nimport colorsys\nprint(colorsys.poison)")
    found = await arena.run("import colorsys\nprint(hasattr(colorsys, 'poison'))")
    assert found.stdout == "False\n"


async def test_a_module_that_the_worker_came_to_keep_is_as_it_was(arena):
    """What several programs in a row import is imported once for all that follow."""
    for number in range(4):
        found = await arena.run(
            f"""
import datetime, random
print(hasattr(random, "mark"), random.seed is len)
random.mark, random.seed = {number}, len
"""
        )
        assert found.stdout == "False False\n"


async def test_nothing_of_earlier_programs_is_in_memory(arena):
    """Sources, inputs and outputs of other programs pass through the process that every program is forked from."""
    word = "remember_me"
    problem = arena.problem((f"input_{word} " * 300, f"output_{word}\n"))
    await arena.judge("\n".join(f"source_{word}_{n} = 'source_{word}'" for n in range(300)), problem)
    await arena.judge(f"print('output_' + '{word[:5]}' + '{word[5:]} ' * 300, input())", problem)
    hidden = bytes(byte ^ 1 for byte in word.encode())
    found = await arena.run(
        f"""
import ctypes, gc, os
other = bytes(n ^ 1 for n in range(256))
write = ctypes.CDLL(None).write
write.argtypes = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t
copy = os.open("/tmp/copy", os.O_RDWR | os.O_CREAT)
places = {{id(thing) >> 20 for thing in [*gc.get_objects(), object(), b"x" * 5000, "y" * 600, []]}}
hits = 0
for place in sorted({{place + near for place in places for near in range(-24, 25)}}):
    for page in range(place << 20, (place + 1) << 20, 4096):
        os.lseek(copy, 0, 0)
        if write(copy, page, 4096) == 4096:  # EFAULT where nothing is mapped
            plain = bytearray(os.pread(copy, 4096, 0)).translate(other)
            hits += plain.count({hidden!r})
            plain[:] = bytes(4096)  # or we would find there what we hide from ourselves
print(hits)
""",
        cpu_time=5,
    )
    assert found.stdout == "0\n", found.stderr
