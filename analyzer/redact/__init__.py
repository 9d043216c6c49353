"""Keeping secrets out of everything that is written: the store, its patterns, the last look."""
