"""The program of the modules beside it."""

import time

PI = 3.5
count = 0


class MyError(ValueError):
    pass


class Stack:
    def __init__(self, items=()):
        self.items = list(items)

    def push(self, item):
        self.items.append(item)

    def pop(self):
        if not self.items:
            raise MyError("empty")
        return self.items.pop()

    def __len__(self):
        return len(self.items)

    def __eq__(self, other):
        return isinstance(other, Stack) and self.items == other.items


def add(a, b):
    return a + b


def wrong(a, b):
    return a - b


def boom():
    raise MyError("no")


def hello(name):
    print("hello", name)


def ask():
    return int(input()) + 1


def now():
    return int(time.time())


def next_id():
    global count
    count += 1
    return count


def leave(code=0):
    raise SystemExit(code)


async def later(x):
    return x


def test_of_the_program():
    raise AssertionError("not a test of the text")
