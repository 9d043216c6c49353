"""History: what runs leave, kept in one Delta Lake table over months (extra ``history``).

``place`` says where a store is, ``schema`` what its table looks like, ``store`` opens it and
commits, ``contents`` and ``plan`` tell whether a file is there already, ``ingest`` adds files,
``reading`` gives their records back, ``retention`` forgets and compacts, ``listing`` says what
there is.
"""

from __future__ import annotations
