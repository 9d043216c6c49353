"""Pure functions of statistics, in plain Python: no rows, no reports, no scipy.

``intervals``: Wilson, Newcombe, design effect, weighted shares. ``exact``: Fisher's test.
``multiple``: Benjamini-Hochberg. ``blocks``: the permutation test of a change between days.
"""
