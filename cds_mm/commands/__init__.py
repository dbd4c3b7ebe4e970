"""The command lines: arguments, one call, printing.

Nothing here imports torch or a host before the arguments are read, so that
``--help`` and a slip cost no seconds.
"""
