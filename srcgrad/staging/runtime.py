"""What rewritten code calls, under one name."""

from builtins import slice

from srcgrad.control.failures import catching, entered, raising
from srcgrad.core.errors import TraceError, UnsupportedError, VerifyError
from srcgrad.numpy.stand_ins import stand_in
from srcgrad.staging.branches import if_, if_else
from srcgrad.staging.builtins import item
from srcgrad.staging.captured import attribute, storing
from srcgrad.staging.convert import callee, constant_of, looped
from srcgrad.staging.logic import and_, assert_, augmented, chain, compared, not_, or_
from srcgrad.staging.loops import for_, listed, while_
from srcgrad.staging.unbound import bound

#: what says that a program cannot be recorded: no error of the user's program, whose handlers do not see it
own_errors = (TraceError, UnsupportedError, VerifyError)

__all__ = [
    "and_",
    "assert_",
    "attribute",
    "augmented",
    "bound",
    "callee",
    "catching",
    "chain",
    "compared",
    "constant_of",
    "entered",
    "for_",
    "if_",
    "if_else",
    "item",
    "listed",
    "looped",
    "not_",
    "or_",
    "own_errors",
    "raising",
    "slice",
    "stand_in",
    "storing",
    "while_",
]
