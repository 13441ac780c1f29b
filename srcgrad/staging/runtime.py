"""What rewritten code calls, under one name."""

from builtins import slice

from srcgrad.control.failures import catching, raising
from srcgrad.numpy.stand_ins import stand_in
from srcgrad.staging.branches import if_, if_else
from srcgrad.staging.builtins import item
from srcgrad.staging.captured import attribute, storing
from srcgrad.staging.convert import callee, looped
from srcgrad.staging.logic import and_, assert_, augmented, chain, not_, or_
from srcgrad.staging.loops import for_, listed, while_
from srcgrad.staging.unbound import bound

__all__ = [
    "and_",
    "assert_",
    "attribute",
    "augmented",
    "bound",
    "callee",
    "catching",
    "chain",
    "for_",
    "if_",
    "if_else",
    "item",
    "listed",
    "looped",
    "not_",
    "or_",
    "raising",
    "slice",
    "stand_in",
    "storing",
    "while_",
]
