"""Programs, and tests that use their objects, for test_link.py: what comes of each in two processes."""

PASSED, UNDECIDED, FAILED = "passed", "undecided", "failed"

PROGRAM = '''
class Vec:
    """A vector."""
    unit = 1
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __add__(self, o): return Vec(self.x + o.x, self.y + o.y)
    def __radd__(self, o): return self if o == 0 else NotImplemented
    def __iadd__(self, o): self.x += o.x; self.y += o.y; return self
    def __mul__(self, k): return Vec(self.x * k, self.y * k)
    __rmul__ = __mul__
    def __neg__(self): return Vec(-self.x, -self.y)
    def __abs__(self): return (self.x ** 2 + self.y ** 2) ** 0.5
    def __eq__(self, o): return isinstance(o, Vec) and (self.x, self.y) == (o.x, o.y)
    def __hash__(self): return hash((self.x, self.y))
    def __lt__(self, o): return self.x < o.x
    def __bool__(self): return bool(self.x or self.y)
    def __contains__(self, item): return item in (self.x, self.y)
    def __repr__(self): return f"Vec({self.x}, {self.y})"
    def __format__(self, spec): return f"<{self.x:{spec}}>"
    def __len__(self): return 2
    def __getitem__(self, i): return (self.x, self.y)[i]
    def __setitem__(self, i, v): setattr(self, "xy"[i], v)
    def __float__(self): return 1.5
    def __int__(self): return 1
    def __index__(self): return 1
    def __round__(self, n=0): return 3
    def __enter__(self): return self
    def __exit__(self, *a): self.left = a[0]; return False
    def __iter__(self): return iter((self.x, self.y))
    def __call__(self): return 7
    def scale(self, k=2): self.x *= k; return self
    @property
    def norm(self): return abs(self)
    @norm.setter
    def norm(self, value): self.x, self.y = value, 0
    @classmethod
    def origin(cls): return cls(0, 0)
    @staticmethod
    def twice(n): return 2 * n
class Sub(Vec):
    pass
class MyError(Exception):
    def __init__(self, message, code): super().__init__(message, code); self.code = code
    def __str__(self): return f"{self.args[0]} ({self.code})"
def f(x): return x
def change(items): items.append(4); return items
def nested(grid): grid[0][0] = 9; grid[1] = [7]
def fail(code=3): raise MyError("no", code)
def chain():
    try: 1 / 0
    except ZeroDivisionError as e: raise MyError("outer", 1) from e
def gen(n):
    got = []
    for i in range(n): got.append((yield i))
    return got
async def later(x):
    import asyncio
    await asyncio.sleep(0)
    return x + 1
def apply(g, *a, **k): return g(*a, **k)
def catch(g):
    try: return g()
    except ValueError as e: return f"caught {e}"
def read(): return input("? ")
def show(*a): print(*a)
def make(): return Vec(1, 2)
kept = []
def keep(x): kept.append(x); return kept
def last(): return kept[-1]
import abc, asyncio, collections, dataclasses, enum, functools, typing, warnings
class Color(enum.Enum):
    RED = 1
    BLUE = 2
    def next(self): return Color.BLUE
    @classmethod
    def first(cls): return cls.RED
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2
class Bit(enum.Flag):
    A = 1
    B = 2
class Point(typing.NamedTuple):
    x: int
    y: int = 0
    def total(self): return self.x + self.y
@dataclasses.dataclass
class Item:
    name: str
    tags: list = dataclasses.field(default_factory=list)
@dataclasses.dataclass(frozen=True)
class Frozen:
    n: int
class Stack(list):
    label = "none"
    def push(self, x): self.append(x)
    def peek(self): return self[-1]
    def __repr__(self): return "Stack" + list.__repr__(self)
class Lower(dict):
    def __init__(self, **k): super().__init__({key.lower(): value for key, value in k.items()})
    def __setitem__(self, key, value): super().__setitem__(key.lower(), value)
    def __getitem__(self, key): return super().__getitem__(key.lower())
class Metres(int):
    def feet(self): return int(self * 3.28)
    def __repr__(self): return f"{int(self)} m"
class Title(str):
    def loud(self): return self.upper() + "!"
class Liar(list):
    def __eq__(self, other): return True
class LyingNumber(int):
    def __eq__(self, other): return True
    __hash__ = int.__hash__
class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...
class Square(Shape):
    def __init__(self, a): self.a = a
    def area(self): return self.a ** 2
class Session:
    open = False
    async def __aenter__(self): self.open = True; return self
    async def __aexit__(self, *a): self.open = False
async def ticks(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i
async def nap(t):
    await asyncio.sleep(t)
    return t
async def meet(n, *, there=[]):
    there.append(n)
    while len(there) < n: await asyncio.sleep(0)
def run_async(g): return asyncio.run(g(1))
async def call_async(g, x): return await g(x)
async def fail_later():
    await asyncio.sleep(0)
    raise MyError("later", 8)
def warn(): warnings.warn("old", DeprecationWarning)
def counted(x): counted.calls += 1
counted.calls = 0
@functools.lru_cache(maxsize=None)
def cached(x): return x * 2
def helper(x): return x + 1
def use(): return helper(3)
count = 0
def up():
    global count
    count += 1
class Countdown:
    def __init__(self, n): self.n = n
    def __iter__(self): return self
    def __next__(self):
        if self.n <= 0: raise StopIteration
        self.n -= 1
        return self.n + 1
def lazily(items): return map(lambda x: x * 2, items)
def pairs(): return zip("a", [1])
class Swallow:
    def __enter__(self): return self
    def __exit__(self, *a): return True
    async def __aenter__(self): return self
    async def __aexit__(self, *a): return True
class Near:
    def __sub__(self, o): return 0.0
    def __rsub__(self, o): return 0.0
    def __mod__(self, o): return 0
def near(x): return Near()
class Money:
    def __init__(self, n): pass
    def __sub__(self, o): return __import__("fractions").Fraction(0)
class Far:
    def __sub__(self, o): return Far()
    def __abs__(self): return 0.0
def together(g, items):
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(4) as pool: return list(pool.map(g, items))
import threading
event = threading.Event()
def wait_for_it(): event.wait()
def let_go(): event.set()
class Age:
    def __get__(self, o, k=None): return o.__dict__["_age"]
    def __set__(self, o, v):
        if v < 0: raise ValueError("negative age")
        o.__dict__["_age"] = v
class Person:
    age = Age()
    def __init__(self, name, age): self.name, self.age = name, age
'''
"""A program with something of everything."""

CASES: list[tuple[str, str, str]] = [
    ("names", PASSED, "from_all = (Vec, f, gen)"),
    (
        "operators",
        PASSED,
        "v = Vec(1, 2) + Vec(3, 4)\nassert (v.x, v.y) == (4, 6)\nassert (v * 2).x == 8 and (2 * v).y == 12\nassert (-v).x == -4",
    ),
    ("sum", PASSED, "assert sum([Vec(1, 2), Vec(3, 4)]).y == 6"),
    ("in place", PASSED, "v = w = Vec(1, 2)\nv += Vec(1, 1)\nassert v is w and w.x == 2"),
    ("not implemented", PASSED, "try:\n    'a' + Vec(1, 2)\n    assert False\nexcept TypeError:\n    pass"),
    (
        "conversions",
        PASSED,
        "v = Vec(3, 4)\nassert float(v) == 1.5 and int(v) == 1 and [5, 6][v] == 6 and abs(v) == 5.0 and round(v, 1) == 3",
    ),
    (
        "text",
        PASSED,
        "v = Vec(3, 4)\nassert repr(v) == 'Vec(3, 4)' == str(v) and f'{v:03d}' == '<003>' and '%s' % v == 'Vec(3, 4)'",
    ),
    (
        "items",
        PASSED,
        "v = Vec(3, 4)\nassert v[1] == 4 and len(v) == 2 and list(v) == [3, 4]\nv[0] = 5\nassert v.x == 5\nx, y = v\nassert y == 4\ntry:\n    v[7]\n    assert False\nexcept IndexError as e:\n    assert str(e) == 'tuple index out of range'",
    ),
    (
        "attributes",
        PASSED,
        "v = Vec(3, 4)\nassert v.norm == 5.0\nv.norm = 7\nassert v.x == 7\nassert hasattr(v, 'y') and not hasattr(v, 'z')\ndel v.y\nassert not hasattr(v, 'y')\nassert vars(v) == {'x': 7} == v.__dict__",
    ),
    (
        "class attributes",
        PASSED,
        "assert Vec.unit == 1 and Vec.origin().x == 0 and Vec.twice(4) == 8 and Vec(1, 2).twice(3) == 6\nVec.unit = 5\nassert Vec(0, 0).unit == 5\nassert Vec.__doc__ == 'A vector.' and Vec.__name__ == 'Vec' and Vec.__qualname__ == 'Vec'",
    ),
    (
        "types",
        PASSED,
        "v = Sub(1, 2)\nassert isinstance(v, Vec) and type(v) is Sub and issubclass(Sub, Vec) and not issubclass(Vec, Sub)\nassert type(v).__mro__[1] is Vec and v.__class__ is Sub and v.__class__.__name__ == 'Sub'\nassert type(f(v)) is Sub and not isinstance(v, int)",
    ),
    (
        "identity",
        PASSED,
        "v = Vec(1, 2)\nassert f(v) is v and v in [v] and [v].index(v) == 0\nassert f([v])[0] is v and keep(v)[0] is v and last() is v",
    ),
    (
        "methods",
        PASSED,
        "v = Vec(1, 2)\nassert v.scale(k=3) is v and v.x == 3\nm = v.scale\nm()\nassert v.x == 6 and m.__name__ == 'scale' and callable(m)\nassert Vec.scale(v).x == 12",
    ),
    (
        "with",
        PASSED,
        "with Vec(1, 2) as v:\n    assert v.x == 1\nassert v.left is None\ntry:\n    with v:\n        raise KeyError('k')\nexcept KeyError as e:\n    assert e.args == ('k',)\nassert v.left is KeyError",
    ),
    (
        "iterables",
        PASSED,
        "from collections.abc import Iterable, Sized, Hashable, Callable, Mapping\nv = Vec(1, 2)\nassert isinstance(v, Iterable) and isinstance(v, Sized) and isinstance(v, Callable) and not isinstance(v, Mapping)",
    ),
    ("eq", UNDECIDED, "assert Vec(1, 2) == Vec(1, 2)"),
    ("eq in a list", UNDECIDED, "assert [Vec(1, 2)] == [Vec(1, 2)]"),
    ("eq, caught", UNDECIDED, "try:\n    assert Vec(1, 2) == Vec(1, 2)\nexcept Exception:\n    pass"),
    ("eq as a method", UNDECIDED, "assert Vec(1, 2).__eq__(Vec(1, 2))"),
    ("ne", UNDECIDED, "assert Vec(1, 2) != Vec(1, 3)"),
    ("lt", UNDECIDED, "assert Vec(1, 2) < Vec(2, 3)"),
    ("max", UNDECIDED, "assert max([Vec(1, 2), Vec(2, 3)]).x == 2"),
    ("truth", UNDECIDED, "assert Vec(1, 2)"),
    ("contains", UNDECIDED, "assert 1 in Vec(1, 2)"),
    ("hash", UNDECIDED, "{Vec(1, 2): 1}"),
    ("eq with what is plain", UNDECIDED, "assert Vec(1, 2) == 3"),
    ("eq with what is plain, not named", FAILED, "assert make() == 3"),
    (
        "exceptions",
        PASSED,
        "try:\n    fail()\n    assert False\nexcept MyError as e:\n    assert e.args == ('no', 3) and e.code == 3 and str(e) == 'no (3)' and isinstance(e, Exception)\n    assert type(e) is MyError and type(e).__name__ == 'MyError' and f(e) is e",
    ),
    (
        "causes",
        PASSED,
        "try:\n    chain()\n    assert False\nexcept MyError as e:\n    assert isinstance(e.__cause__, ZeroDivisionError) and str(e.__cause__) == 'division by zero'",
    ),
    (
        "exceptions of Python",
        PASSED,
        "import json\nfor text, kind in [('{}[1]', KeyError), ('int(\"x\")', ValueError), ('open(\"/no\")', FileNotFoundError), ('b\"\\\\xff\".decode()', UnicodeDecodeError), ('__import__(\"json\").loads(\"{\")', json.JSONDecodeError), ('next(iter([]))', StopIteration)]:\n    try:\n        apply(eval, text)\n        assert False\n    except kind as e:\n        try:\n            eval(text)\n        except kind as mine:\n            assert str(e) == str(mine) and e.args == mine.args and type(e) is type(mine)",
    ),
    (
        "an exception that the test makes",
        PASSED,
        "try:\n    raise MyError('mine', 5)\nexcept MyError as e:\n    assert str(e) == 'mine (5)'",
    ),
    (
        "assertRaises",
        PASSED,
        "import unittest\nt = unittest.TestCase()\nwith t.assertRaisesRegex(MyError, 'no .3'):\n    fail()\nwith t.assertRaises(MyError) as c:\n    fail(code=4)\nassert c.exception.code == 4",
    ),
    (
        "changed arguments",
        PASSED,
        "a = [1]\nb = change(a)\nassert a == [1, 4] and b is a\ng = [[1], [2]]\nrow, other = g\nnested(g)\nassert g == [[9], [7]] and row == [9] and other == [2]",
    ),
    (
        "kept arguments",
        PASSED,
        "a = [1]\nkeep(a)\na.append(2)\nassert last() == [1, 2] and last() is a\nlast().append(3)\nassert a == [1, 2, 3]",
    ),
    ("what the program holds", PASSED, "k = keep(1)\nk.append(5)\nassert last() == 5"),
    ("circles", PASSED, "a = []\na.append(a)\nb = f(a)\nassert b is a and b[0] is a"),
    (
        "data",
        PASSED,
        "import datetime, decimal, collections, fractions, pathlib, uuid\nfor x in [None, True, 1, 10**400, -0.0, float('inf'), 1j, 'é\\ud800', b'x', (1, (2,)), [1], {1: [2]}, {1, 'a'}, frozenset({1}), range(3), datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc), datetime.timedelta(3), decimal.Decimal('1.10'), fractions.Fraction(1, 3), pathlib.Path('/x'), uuid.UUID(int=5), collections.Counter('aab'), collections.OrderedDict(a=1), collections.deque([1], 3), collections.defaultdict(list, a=[1]), slice(1, 2), ..., NotImplemented, bytearray(b'y'), {}.keys(), int, ValueError, len, json if False else None]:\n    y = f(x)\n    assert type(y) is type(x) and (y == x) and repr(y) == repr(x), x",
    ),
    (
        "generators",
        PASSED,
        "import types\ng = gen(3)\nassert isinstance(g, types.GeneratorType) and next(g) == 0 and g.send('a') == 1\ng.close()\nassert list(g) == []\nassert list(gen(3)) == [0, 1, 2]\ndef outer():\n    return (yield from gen(2))\no = outer()\nassert [*o] == [0, 1]",
    ),
    (
        "async",
        PASSED,
        "import asyncio\nasync def main():\n    a = await later(1)\n    b, c = await asyncio.gather(later(2), later(3))\n    return a, b, c\nassert asyncio.run(main()) == (2, 3, 4)\nassert asyncio.run(later(1)) == 2\nassert asyncio.iscoroutinefunction(later) and not asyncio.iscoroutinefunction(f)",
    ),
    (
        "callbacks",
        PASSED,
        "assert apply(lambda x: x + 1, 2) == 3 and apply(len, [1]) == 1 and apply(apply, lambda: 5) == 5\nseen = []\napply(seen.append, 3)\nassert seen == [3]\ndef g(x, *, k): return (x, k)\nassert apply(g, 1, k=2) == (1, 2) and f(g) is g",
    ),
    (
        "callbacks that raise",
        PASSED,
        "class Mine(ValueError): pass\ndef g(): raise Mine('x')\nassert catch(g) == 'caught x'\ndef h(): raise KeyError('y')\ntry:\n    catch(h)\n    assert False\nexcept KeyError as e:\n    assert e.args == ('y',)",
    ),
    (
        "objects of the test",
        PASSED,
        "class T:\n    def __init__(self): self.n = 1\n    def up(self): self.n += 1; return self.n\nt = T()\nassert apply(t.up) == 2 and f(t) is t and apply(T).n == 1 and apply(getattr, t, 'n') == 2\nassert apply(isinstance, t, T)",
    ),
    (
        "callbacks with objects of the program",
        PASSED,
        "v = Vec(1, 2)\nassert apply(lambda w: w is v and isinstance(w, Vec), v)",
    ),
    (
        "output",
        PASSED,
        "import io, contextlib\nb = io.StringIO()\nwith contextlib.redirect_stdout(b):\n    show('a', 1)\n    print('b')\n    apply(lambda: (print('c'), show('d')))\nassert b.getvalue() == 'a 1\\nb\\nc\\nd\\n'",
    ),
    (
        "patched print",
        PASSED,
        "from unittest.mock import patch, call\nwith patch('builtins.print') as p:\n    show('a')\n    show('b')\nassert p.call_args_list == [call('a'), call('b')]\nimport io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()) as b:\n    show(1)\nassert b.getvalue() == '1\\n'",
    ),
    (
        "patched input",
        PASSED,
        "from unittest.mock import patch\nwith patch('builtins.input', side_effect=['x', 'y']) as p:\n    assert read() == 'x' and read() == 'y'\np.assert_called_with('? ')\nwith patch('builtins.input', return_value='z'):\n    assert read() == 'z'",
    ),
    (
        "patched stdin",
        PASSED,
        "import sys, io, contextlib\nfrom unittest.mock import patch\nwith patch('sys.stdin', io.StringIO('one\\ntwo\\n')), contextlib.redirect_stdout(io.StringIO()) as out:\n    assert read() == 'one' and read() == 'two'\nassert out.getvalue() == '? ? '",
    ),
    (
        "patched stdout that is no stream",
        PASSED,
        "from unittest.mock import patch, call\nwith patch('sys.stdout') as out:\n    show('a')\nassert out.write.call_args_list == [call('a'), call('\\n')]",
    ),
    (
        "patched modules",
        PASSED,
        "from unittest.mock import patch\nimport time, os, random, sys\nwith patch('time.time', return_value=5.0):\n    assert apply(eval, '__import__(\"time\").time()') == 5.0\nt = ('__import__(\"os\").environ.get(\"LINKED\")',)\nwith patch.dict(os.environ, {'LINKED': 'yes'}):\n    assert apply(eval, *t) == 'yes'\nassert apply(eval, *t) is None\nwith patch.object(sys, 'argv', ['a', 'b']):\n    assert apply(eval, '__import__(\"sys\").argv') == ['a', 'b']\nrandom.seed(3)\nassert apply(eval, '__import__(\"random\").random()') == random.Random(3).random()",
    ),
    (
        "mocks",
        PASSED,
        "from unittest.mock import Mock, MagicMock\nm = Mock(return_value=4)\nassert apply(m, 1, k=2) == 4\nm.assert_called_once_with(1, k=2)\nm = MagicMock()\napply(lambda g: None, m)\nm.get.return_value = 3\nassert apply(m.get, 'a') == 3 and apply(Mock(side_effect=[1, 2])) == 1\ntry:\n    apply(Mock(side_effect=OSError('broken')))\n    assert False\nexcept OSError as e:\n    assert str(e) == 'broken'",
    ),
    (
        "copies",
        PASSED,
        "import copy\nv = Vec(1, [2])\nw, z = copy.copy(v), copy.deepcopy(v)\nassert w is not v and w.y is v.y and z.y == [2] and z.y is not v.y and type(z) is Vec",
    ),
    (
        "signatures",
        PASSED,
        "import inspect\nassert str(inspect.signature(apply)) == '(g, *a, **k)' and list(inspect.signature(Vec).parameters) == ['x', 'y'] and inspect.signature(Vec.scale).parameters['k'].default == 2 and str(inspect.signature(Vec(1, 2).scale)) == '(k=2)'\nassert f.__name__ == 'f' and inspect.isfunction(f) and inspect.isclass(Vec) and inspect.ismethod(Vec(1, 2).scale)",
    ),
    ("a subclass that the test makes", UNDECIDED, "class Mine(Vec): pass"),
    ("pickles", UNDECIDED, "import pickle\npickle.dumps(Vec(1, 2))"),
    (
        "exit of the program",
        PASSED,
        "import sys\ntry:\n    apply(sys.exit, 3)\n    assert False\nexcept SystemExit as e:\n    assert e.code == 3",
    ),
    ("end of the program", "ended", "import os\napply(eval, '__import__(\"os\")._exit(0)')"),
    (
        "enums",
        PASSED,
        "import enum\nassert Color.RED.value == 1 and Color.RED.name == 'RED' and Color(2) is Color.BLUE and Color['RED'] is Color.RED and [c.name for c in Color] == ['RED', 'BLUE'] and len(Color) == 2\nassert isinstance(Color.RED, Color) and isinstance(Color.RED, enum.Enum) and issubclass(Color, enum.Enum) and Color.RED == Color.RED and Color.RED != Color.BLUE and f(Color.BLUE) is Color.BLUE\nassert {Color.RED: 1}[f(Color.RED)] == 1 and Color.RED.next() is Color.BLUE and Color.first() is Color.RED and Color.RED in Color and repr(Color.RED) == '<Color.RED: 1>' and str(Color.RED) == 'Color.RED'\ntry:\n    Color(9)\n    assert False\nexcept ValueError as e:\n    assert str(e) == '9 is not a valid Color'\nassert Level.LOW < Level.HIGH and Level.LOW == 1 and isinstance(Level.LOW, int) and f(Level.LOW) is Level.LOW and sorted([Level.HIGH, Level.LOW])[0] is Level.LOW and Level.LOW + 1 == 2\nassert (Bit.A | Bit.B).value == 3 and Bit.A in (Bit.A | Bit.B) and f(Bit.A | Bit.B) == Bit.A | Bit.B",
    ),
    (
        "named tuples",
        PASSED,
        "p = Point(1, y=2)\nassert p == (1, 2) and p.x == 1 and p[1] == 2 and tuple(p) == (1, 2) and isinstance(p, tuple) and isinstance(p, Point) and p._asdict() == {'x': 1, 'y': 2} and p._replace(x=5) == (5, 2) and repr(p) == 'Point(x=1, y=2)' and Point._fields == ('x', 'y') and len(p) == 2 and p.total() == 3\nx, y = p\nassert (x, y) == p and {p: 3}[(1, 2)] == 3 and f(p) == p and p < (2, 0) and sorted([Point(2, 1), p])[0].x == 1 and type(f(p)) is Point and hash(p) == hash((1, 2))",
    ),
    (
        "data classes",
        PASSED,
        "import dataclasses\np = Item('a', [1])\nassert p.name == 'a' and p.tags == [1] and dataclasses.is_dataclass(p) and dataclasses.is_dataclass(Item) and [x.name for x in dataclasses.fields(Item)] == ['name', 'tags'] and dataclasses.asdict(p) == {'name': 'a', 'tags': [1]} and dataclasses.astuple(p) == ('a', [1]) and repr(p) == \"Item(name='a', tags=[1])\" and dataclasses.replace(p, name='b').name == 'b'\np.tags.append(2)\nassert p.tags == [1, 2] and Item('x').tags == [] and Item.__annotations__['name'] is str\ntry:\n    Frozen(1).n = 2\n    assert False\nexcept dataclasses.FrozenInstanceError as e:\n    assert str(e) == \"cannot assign to field 'n'\"",
    ),
    ("equal data classes", UNDECIDED, "assert Item('a') == Item('a')"),
    (
        "lists of the program's own",
        PASSED,
        "s = Stack([1, 2])\nassert s == [1, 2] and isinstance(s, list) and isinstance(s, Stack) and len(s) == 2 and s[0] == 1 and 2 in s\ns.push(3)\nassert s == [1, 2, 3] and s.peek() == 3 and s and list(s) == [1, 2, 3] and sorted(s) == [1, 2, 3]\ns.append(4)\nassert s.peek() == 4 and s.pop() == 4 and s.peek() == 3 and f(s) is s and type(s).__name__ == 'Stack' and repr(s) == 'Stack[1, 2, 3]' and s.label == 'none'\ns.label = 'x'\nassert s.label == 'x'",
    ),
    (
        "dicts of the program's own",
        PASSED,
        "d = Lower(A=1)\nassert d['a'] == 1 and d == {'a': 1} and dict(d) == {'a': 1} and isinstance(d, dict)\nd['B'] = 2\nassert d == {'a': 1, 'b': 2} and d['B'] == 2 and sorted(d.items()) == [('a', 1), ('b', 2)] and d.get('a') == 1",
    ),
    (
        "numbers and texts of the program's own",
        PASSED,
        "m = Metres(5)\nassert m == 5 and m + 1 == 6 and isinstance(m, int) and m.feet() == 16 and type(m) is Metres and repr(m) == '5 m' and {m: 1}[5] == 1 and f(m) is m\nt = Title('ab')\nassert t == 'ab' and t.loud() == 'AB!' and t + 'c' == 'abc' and isinstance(t, str) and ''.join([t]) == 'ab' and t.upper() == 'AB'",
    ),
    ("a list that is equal to everything", UNDECIDED, "assert Liar([1]) == [2]"),
    ("a number that is equal to everything", UNDECIDED, "assert LyingNumber(1) == 2"),
    (
        "abstract classes",
        PASSED,
        "import abc\nassert isinstance(Square(2), Shape) and issubclass(Square, Shape) and Square(2).area() == 4 and isinstance(Square(2), abc.ABC)\ntry:\n    Shape()\n    assert False\nexcept TypeError as e:\n    assert 'abstract' in str(e)",
    ),
    (
        "async with and for",
        PASSED,
        "import asyncio\nasync def main():\n    async with Session() as s:\n        assert s.open\n    assert not s.open\n    return [x async for x in ticks(3)]\nassert asyncio.run(main()) == [0, 1, 2]",
    ),
    (
        "async callbacks",
        PASSED,
        "import asyncio\nfrom unittest.mock import AsyncMock\nasync def g(x):\n    await asyncio.sleep(0)\n    return x * 2\nassert asyncio.run(call_async(g, 4)) == 8\nm = AsyncMock(return_value=5)\nassert asyncio.run(call_async(m, 4)) == 5\nm.assert_awaited_once_with(4)",
    ),
    (
        "async at the same time",
        PASSED,
        "import asyncio\nasync def main():\n    await asyncio.gather(*(meet(5) for _ in range(5)))\n    r = await asyncio.gather(*(nap(0.1) for _ in range(5)), asyncio.sleep(0.1))\n    try:\n        await asyncio.wait_for(nap(5), 0.05)\n        assert False\n    except asyncio.TimeoutError:\n        pass\n    t = asyncio.create_task(nap(0.05))\n    await t\n    async def mine(x):\n        await asyncio.sleep(0.05)\n        return x\n    assert await call_async(mine, 3) == 3\n    return r[:5]\nassert asyncio.run(main()) == [0.1] * 5\nasync def slow(x):\n    await asyncio.sleep(0.01)\n    return x\nassert run_async(slow) == 1\nassert asyncio.get_event_loop_policy().new_event_loop().run_until_complete(nap(0)) == 0",
    ),
    (
        "async exit that swallows",
        UNDECIDED,
        "import asyncio\nasync def main():\n    async with Swallow():\n        assert False\nasyncio.run(main())",
    ),
    (
        "async exceptions",
        PASSED,
        "import asyncio\nasync def main():\n    try:\n        await fail_later()\n    except MyError as e:\n        return e.code\nassert asyncio.run(main()) == 8",
    ),
    (
        "warnings",
        PASSED,
        "import warnings\nwith warnings.catch_warnings(record=True) as w:\n    warnings.simplefilter('always')\n    warn()\nassert len(w) == 1 and issubclass(w[0].category, DeprecationWarning) and str(w[0].message) == 'old'\nimport unittest\nt = unittest.TestCase()\nwith t.assertWarns(DeprecationWarning):\n    warn()\nwith t.assertWarnsRegex(DeprecationWarning, 'ol'):\n    warn()",
    ),
    ("logs", UNDECIDED, "import unittest\nt = unittest.TestCase()\nwith t.assertLogs('x', 'INFO') as c:\n    f(1)"),
    (
        "attributes of functions",
        PASSED,
        "counted(1)\ncounted(2)\nassert counted.calls == 2 and counted.__name__ == 'counted' and cached.cache_info().hits == 0 and cached(2) == 4 and cached(2) == 4 and cached.cache_info().hits == 1\ncached.cache_clear()\nassert cached.cache_info().misses == 0",
    ),
    (
        "patched names of the program",
        PASSED,
        "import sys\nfrom unittest.mock import patch\nwith patch.object(solution, 'helper', return_value=9) as h:\n    assert use() == 9\nh.assert_called_once_with(3)\nassert use() == 4 and solution.use() == 4\nwith patch.object(Vec, 'twice', return_value=1):\n    assert Vec.twice(5) == 1\nassert Vec.twice(5) == 10 and Vec(0, 0).twice(1) == 2\nwith patch.object(Vec, 'scale', lambda self, k: k):\n    assert Vec(0, 0).scale(8) == 8\nassert Vec(2, 0).scale().x == 4\nwith patch.object(Vec, 'origin', return_value=1):\n    assert Vec.origin() == 1\nassert Vec.origin().x == 0",
    ),
    (
        "globals",
        PASSED,
        "assert solution.count == 0\nsolution.up()\nassert solution.count == 1\nsolution.count = 5\nsolution.up()\nassert solution.count == 6\nassert hasattr(solution, 'Vec') and not hasattr(solution, 'nothing') and 'Vec' in dir(solution)",
    ),
    (
        "iterators",
        PASSED,
        "i = iter(f([1, 2]))\nassert next(i) == 1\nc = Countdown(3)\nassert iter(c) is c and next(c) == 3 and list(c) == [2, 1] and list(lazily([1, 2])) == [2, 4] and next(f(iter([5]))) == 5\nassert dict(pairs()) == {'a': 1} and list(zip(Countdown(2), 'ab')) == [(2, 'a'), (1, 'b')] and sum(Countdown(3)) == 6 and 2 in list(Countdown(3)) and [*map(str, gen(2))] == ['0', '1']",
    ),
    (
        "threads",
        PASSED,
        "import threading\nts = [threading.Thread(target=up) for _ in range(8)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nassert solution.count == 8",
    ),
    ("a difference of nothing", UNDECIDED, "assert abs(near(2) - 3.0) < 1e-6"),
    ("a difference the other way", UNDECIDED, "assert abs(3.0 - near(2)) < 1e-6"),
    ("a difference that is an object", UNDECIDED, "assert abs(Far() - Far()) < 1e-6"),
    ("almost equal", UNDECIDED, "import unittest\nunittest.TestCase().assertAlmostEqual(near(2), 3.0)"),
    ("a remainder of nothing", UNDECIDED, "assert near(2) % 7 == 0"),
    ("a difference of a library's number", UNDECIDED, "assert Money(2) - Money(3) == 0"),
    ("a difference as a method", UNDECIDED, "assert near(2).__sub__(3) == 0"),
    (
        "more than one thread of the program",
        PASSED,
        "assert together(lambda x: x * 2, range(5)) == [0, 2, 4, 6, 8]\nseen = []\ntogether(seen.append, range(50))\nassert sorted(seen) == list(range(50))",
    ),
    (
        "threads that wait for each other",
        UNDECIDED,
        "import threading\nt = threading.Thread(target=wait_for_it)\nt.start()\nlet_go()\nt.join()",
    ),
    ("exit that swallows", UNDECIDED, "with Swallow():\n    assert False"),
    (
        "descriptors",
        PASSED,
        "p = Person('Al', 3)\nassert p.age == 3\ntry:\n    p.age = -1\n    assert False\nexcept ValueError as e:\n    assert str(e) == 'negative age'\nassert p.age == 3\ntry:\n    p.nothing\n    assert False\nexcept AttributeError as e:\n    assert str(e) == \"'Person' object has no attribute 'nothing'\"",
    ),
    ("missing", FAILED, "nothing_of_the_sort()"),
]
