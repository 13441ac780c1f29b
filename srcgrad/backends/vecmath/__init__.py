from collections.abc import Callable
import importlib
FUNCTIONS: dict[str, Callable] = {}
for room in ("exponential","logarithm","hyperbolic","sigmoid"):
    m=importlib.import_module("srcgrad.backends.vecmath."+room)
    for k,v in vars(m).items():
        if k[-4:] in ("_f32","_f64") and callable(v): FUNCTIONS[k]=v
