"""What `tools/benchmark.py` measures; nothing here is part of the package."""
