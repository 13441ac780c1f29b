"""Errors: each is a `SrcgradError` and also the built-in that a NumPy user would expect."""

from __future__ import annotations


class SrcgradError(Exception):
    """The root of every error that this package raises on purpose."""


class TraceError(SrcgradError, TypeError):
    """The traced function did what a recorded program cannot: message, user's line, cure."""


class TraceShapeError(SrcgradError, ValueError):
    """Shapes do not fit."""


class ArgumentError(SrcgradError, TypeError):
    """A transform was called with arguments that it cannot take."""


class ArgumentValueError(SrcgradError, ValueError):
    """A transform was called with an argument of the right kind and a wrong value."""


class OutOfBoundsError(SrcgradError, IndexError):
    """An index is out of bounds."""


class UnsupportedError(SrcgradError, NotImplementedError):
    """A NumPy function or a combination that is not supported; the message says what to use instead."""


class RequirementError(SrcgradError, ImportError):
    """A package that this one stands on is missing, or of a version that it is not tested with."""


class VerifyError(SrcgradError, AssertionError):
    """A compiler pass left an invalid graph: a defect of this package."""
