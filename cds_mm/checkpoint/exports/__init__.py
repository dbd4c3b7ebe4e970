"""Backbones as the networks of other libraries.

``plans`` has the table: target, family, how the target calls the family and
builds it.  What is not in it is refused before anything is written, and
``proving`` compares the target's own network with the trained one.
"""
