"""State that a region changes by calling something: variables of closures, attributes of classes and functions.

However the function that writes is held, and in whatever region it is called: the program does what Python does.
"""

from __future__ import annotations

import re

import pytest

from tests.python_programs.oracle import check
from tests.python_programs.program import Program

#: how ``a``, which writes a variable around it, is held, and how it is called
HELD = {
    "name": ("g = a", "g()"),
    "list": ("g = [[a]]", "g[0][0]()"),
    "tuple": ("g = (1, a)", "g[1]()"),
    "dict": ("g = {'a': a}", "g['a']()"),
    "partial": ("g = functools.partial(a)", "g()"),
    "lambda": ("g = lambda: a()", "g()"),
    "default": ("def g(q=a):\n        q()", "g()"),
    "keyword": ("def g(*, q=a):\n        q()", "g()"),
    "helper": ("def g():\n        helper(a)", "g()"),
    "wrapped": ("g = functools.wraps(a)(lambda: a())", "g()"),
    "map": ("g = a", "list(map(lambda q: g(), [0]))"),
    "method": ("class D:\n        def move(self):\n            a()\n    g = D()", "g.move()"),
    "writing method": (
        "class D:\n        def move(self):\n            nonlocal s\n            s = s if s < 0 else s + 1\n    g = D()",
        "g.move()",
    ),
    "static": ("class D:\n        @staticmethod\n        def move():\n            a()\n    g = D", "g.move()"),
    "bound": ("class D:\n        def move(self):\n            a()\n    g = D().move", "g()"),
    "call": ("class D:\n        def __call__(self):\n            a()\n    g = D()", "g()"),
    "init": ("class D:\n        def __init__(self):\n            a()\n    g = D", "g()"),
    "property": ("class D:\n        @property\n        def p(self):\n            a()\n    g = D()", "g.p"),
    "operator": ("class D:\n        def __add__(self, o):\n            a()\n    g = D()", "g + 1"),
    "attribute": ("class D:\n        pass\n    g = D()\n    g.f = a", "g.f()"),
    "slot": ("class D:\n        __slots__ = ('f',)\n    g = D()\n    g.f = a", "g.f()"),
    "inherited": (
        "class E:\n        def move(self):\n            a()\n    class D(E):\n        pass\n    g = D()",
        "g.move()",
    ),
}
REGIONS = {
    "for": "for h in x:\n        CALL\n        b = s",
    "for, not read": "for h in x:\n        CALL",
    "while": "i = 0\n    while x[i] < 5 and i < 3:\n        CALL\n        b = s\n        i = i + 1",
    "if": "if x[0] > 0:\n        CALL\n        b = s",
    "else": "if x[0] > 0:\n        b = s\n    else:\n        CALL",
    "conditional": "b = (CALL, 1.0)[1] if x[0] > 0 else s",
    "and": "b = x[0] > 0 and (CALL, s)[1]",
    "or": "b = x[0] > 0 or (CALL, s)[1]",
    "chain": "b = 0 < x[0] < (CALL, s)[1]",
    "comprehension": "b = [(CALL, s)[1] for h in x]",
}
PROGRAM = """
import functools

def helper(function):
    function()

def f(x, s):
    def a():
        nonlocal s
        if s > 0.2:
            s = s * 0.5
        else:
            x[:] = 2
            s = s + 0.1
    HELD
    REGION
    return s
"""
OTHERS = {
    "attribute of a class": """
def f(x, s):
    class D:
        rate = 1.0
    if s > 0:
        D.rate = D.rate + 3
    for h in x:
        D.rate = D.rate + h
    return D.rate * s
""",
    "attribute of a function": """
def f(x, s):
    def a():
        pass
    a.rate = s
    if s > 0:
        a.rate = a.rate + 3
    return a.rate * s
""",
    "list that may be without a value": """
def f(x, s):
    if x[1] < 5:
        l = [s, x[0]]
    if s > 0:
        l[0] = 7.0
    return l[0]
""",
    "list of a class": """
def f(x, s):
    class D:
        l = [1.0]
        def move(self):
            self.l[0] = self.l[0] + 1
    d = D()
    for h in x:
        d.move()
    return d.l[0] * s
""",
    "list of a partial": """
import functools
def add(l, h):
    l[0] = l[0] + h
def f(x, s):
    l = [1.0]
    g = functools.partial(add, l)
    def run():
        for h in x:
            g(h)
    run()
    return l[0] * s
""",
    "list that is a default": """
def f(x, s):
    def g(h, l=[1.0]):
        l[0] = l[0] + h
        return l
    for h in x:
        r = g(h)
    return g(0)[0] * s
""",
    "variable that a generator reads later": """
def f(x, s):
    c = 1.0
    g = (c * q for q in (1.0, s))
    if x[0] > 0:
        c = 2.0
    return sum(g)
""",
    "branches and loops in methods": """
class Box:
    def __init__(self, s, v):
        self.s = s
        self.__v = v
    def move(self, h):
        if h > 0:
            self.s = self.s + h
        return self.__v
def f(x, s):
    class D(Box):
        __rate = 2.0
        def __init__(self, s, v=1.5 if len('ab') > 2 else 2.0):
            super().__init__(s, v)
            self.__mine = x[0]
        @property
        def twice(self):
            return self.s * 2 if self.s > 0 else self.s
        def move(self, h):
            nonlocal s
            for q in range(2):
                if h > 0.2:
                    r = super().move(h * self.__rate)
                    s = s * 0.5
                    break
            else:
                self.__mine = h
            return self.__mine
        @classmethod
        def make(cls, s):
            match s:
                case 1.0:
                    r = s
                case _:
                    r = s + 1
            return cls(r)
        def __each(self):
            for q in x:
                yield q * s
        def total(self):
            return sum(self.__each())
    d = D.make(s)
    for h in x:
        d.move(h)
    return d.twice, d.total(), s, d.move(x[0])
""",
}


def _agrees(text: str) -> None:
    parameters = re.search(r"def f\((.*)\)", text)
    assert parameters is not None
    outcome = check(Program(text, tuple(parameters[1].split(", "))), points=range(3), unroll=0)
    assert outcome.kind == "match", outcome


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("region", REGIONS)
def test_what_a_call_changes_is_changed(held: str, region: str) -> None:
    made, call = HELD[held]
    _agrees(PROGRAM.replace("HELD", made).replace("REGION", REGIONS[region].replace("CALL", call)))


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_within_reach_is_changed(name: str) -> None:
    _agrees(OTHERS[name])
