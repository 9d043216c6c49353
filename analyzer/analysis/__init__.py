"""The Analysis: everything a report says, as plain data (``model``), and its builder."""
