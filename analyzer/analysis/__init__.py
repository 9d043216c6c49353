"""The Analysis: everything a report says, as plain data (``model``), and how it is built (``build``)."""
