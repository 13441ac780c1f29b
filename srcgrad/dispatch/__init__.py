"""From a call with arrays to the program compiled for it: arguments, closures, specialisations, transforms."""

from srcgrad.dispatch.function import Function, Options, Recorded, Specialisation
from srcgrad.dispatch.transforms import Grad, Jit

__all__ = ["Function", "Grad", "Jit", "Options", "Recorded", "Specialisation"]
