"""Usage and cost exports."""
