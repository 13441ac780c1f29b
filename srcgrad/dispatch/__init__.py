"""From a call with arrays to the program compiled for it: arguments, generated closures, specialisations."""

from srcgrad.dispatch.function import Function, Options, Recorded, Specialisation

__all__ = ["Function", "Options", "Recorded", "Specialisation"]
