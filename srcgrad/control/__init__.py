"""Control flow as values: `cond`, `fori_loop`, `scan`, `while_loop`.

Where a function is being traced, each becomes one node with a graph for its body, whatever the number of iterations.
Elsewhere they are the Python loops that they say; ``sg.jit`` of the caller compiles them.

Carried values are pytrees. A value keeps its shape and dtype from one iteration to the next; Python numbers in ``init``
take the dtype that the body gives them. What a body reads from outside is a constant of the loop; what it wants to
change has to be carried. Carried arrays may be written in place inside the body; ``init`` itself is not changed.
"""

from srcgrad.control.branches import cond
from srcgrad.control.checkpointing import checkpointed
from srcgrad.control.loops import fori_loop, scan, while_loop

__all__ = ["checkpointed", "cond", "fori_loop", "scan", "while_loop"]
