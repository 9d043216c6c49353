"""Bytes in, canonical rows out."""
