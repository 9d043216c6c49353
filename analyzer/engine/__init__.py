"""The rule engine: knowledge files in, verdicts of failed attempts out."""
