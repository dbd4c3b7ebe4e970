"""Cost, curves, stage probes and reliability of what was trained."""
