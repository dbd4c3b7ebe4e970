"""Plain ways of doing the same, which the package is measured against."""
