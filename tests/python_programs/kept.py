"""Programs that once went wrong, made small. Each is a whole file's text whose ``f`` takes parameters of `program`."""

from __future__ import annotations

KEPT = {
    "a view in place of an array on one path, written on the other": """
def f(x, s):
    if s > 0.9:
        x[...] = 0.5
    else:
        x = x.copy()
    return x[0]
""",
    "written after it may have become a view": """
def f(x, k):
    if k:
        pass
    else:
        x = x[:]
    x[x > 0.9] = 2.0
""",
    "rebound in a try, written in its finally": """
import numpy as np
def f(x, t):
    try:
        if 0.0 < t < 0.2:
            x = np.ones(4)
    finally:
        x[:] += 1
""",
    "a row of what may be a view": """
def f(x, s, m):
    if s > 0.5:
        m = m[:]
        m[-2] += 2
    for i in range(1):
        x[1] *= m[i, 1]
    return x
""",
    "zeroed through another name, then copied": """
import numpy as np
def f(x):
    for a in range(4):
        if a:
            c = x
            c[:] -= c
        else:
            x = np.array(x)
    return x
""",
    "items of a dict that a loop makes anew": """
def f(x):
    e = {a: x for a in ('a', 'b')}
    while True:
        h = x[0] < 10
        e['b'][1] += 2.0
        e = {'a': x, 'b': x}
        if h:
            break
    return x
""",
    "names that trade arrays in a loop": """
def f(x, y):
    v0 = y
    if x[0] > 0.2:
        for v9 in x:
            y, v0 = x, y
            y = v0 * 0.2
    v0 /= 2
""",
    "an argument written, then its name rebound, in a loop": """
import numpy as np
def f(x, s):
    for v8 in (0.0, 0.0):
        x -= s
        if v8 / s > 1:
            x = np.zeros(4)
""",
    "the same, unknown number of iterations": """
import numpy as np
def f(x, y, n):
    for a in range(n):
        x[:3] += y
        x = np.copy(x)
""",
    "an array returned early from where it is written": """
def f(x, t):
    if t > 0.2:
        for v10 in x:
            x[x > 0.3] = 0.6
        else:
            return t, x
    return 0.7, x
""",
    "divided, then a view of itself": """
def f(y):
    for a in range(2):
        y /= 3
        y = y[...]
""",
    "a dict rebound in a loop keeps an array": """
def f(x, s, p):
    for a in x:
        p = {'a': x, 'b': p['b']}
    p['b'][1] = s
""",
    "a name that becomes another array in an iteration": """
import numpy as np
def f(x, s, y):
    for b in x:
        x = np.concatenate([y, [s]]) if s > 0.4 else x
    else:
        x += 4
""",
    "rebound in a helper to part of its other argument": """
def a(b, c):
    if b[2, 1] > 0.2:
        pass
    else:
        c = b[:-1]
    for h in c:
        c[...] += h

def f(x, m):
    return a(m.T, x.reshape(2, -1))
""",
    "an alias made where the array is written": """
def f(x, s):
    if s > 0.3:
        x[3] += 3
        e = x
    else:
        e = x * 2
    return e
""",
    "break under an if, a with and a try": """
class Box:
    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

def f(x, n):
    for a in range(n):
        if n > 1:
            with Box():
                try:
                    if x[a] > 0.2:
                        break
                finally:
                    x[a] += 1
    else:
        x[-1] = 7.0
    return x
""",
    "lambdas of a comprehension see its last item": """
def f(x):
    c = [lambda d: d * e for e in range(3)]
    return c[0](x)
""",
    "match of what is known only when the program runs": """
def f(x, k):
    for a in range(2):
        match a + k:
            case 0:
                continue
            case 1 | 2 if x[0] > 0:
                x[0] = 5.0
            case other:
                x = x * other
    return x
""",
    "defaults of a function inside": """
def f(x, s):
    if s > 0.1:
        c = x[0]

    def inner(e, g=c if s > 0.1 else -s, *, h=max(s, x[1])):
        return e * g + h

    return inner(s)
""",
    "a default that may be without a value": """
import numpy as np
def f(x, s):
    if x[0] < 10:
        c = x[0]

    def inner(e, g=c):
        return np.where(e > 0, g, e)

    return inner(s)
""",
    "a variable of a closure that the loop reads": """
def f(x, s):
    def a():
        nonlocal s
        if s:
            s = 0
        else:
            x[:] = 2
    for h in x:
        a()
        b = s
    return s
""",
    "overflow that no result depends on": """
def f(x, s):
    for e in x:
        for g in x:
            x = x - x
            if x[2]:
                break
            v4 = [s for v3 in x]
            s *= sum(v4)
    return x.sum()
""",
}
