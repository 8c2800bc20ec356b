"""Which tokens can a language model never output? Decided and proved for every token.

The output layer of a language model scores tokens by ``logits = W h + b``. A token whose row of ``W`` lies inside the convex
hull of the others can have no hidden state ``h`` at which it scores highest: greedy decoding can never emit it.

>>> import numpy as np, unargmax
>>> W = np.array([[1, 0], [0, 1], [2, 1], [1, 2], [1, 1]], dtype="float32")
>>> audit = unargmax.audit(W)
>>> audit.verdict
array(['argmaxable', 'argmaxable', 'argmaxable', 'argmaxable',
       'unargmaxable'], dtype='<U12')
>>> sorted(audit.blockers(4))
[(1, 0.5), (2, 0.5)]
>>> bool(audit.verify())
True
"""

from ._arrays import ArrayLike
from ._audit import Audit, OutputLayer
from ._functions import audit, open
from ._table import Verdicts, read_verdicts
from ._unargmax import __version__
from ._verification import Verification

__all__ = [
    "ArrayLike",
    "Audit",
    "OutputLayer",
    "Verdicts",
    "Verification",
    "__version__",
    "audit",
    "open",
    "read_verdicts",
]
