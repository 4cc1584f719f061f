"""Every canonical built-in, as a function named ``canon_...`` after the specification's name for it.

Static operands come first (the instance, then immediates), the guest's flat arguments last, as in the
specification's ``definitions.py``. A function returns the flat result, or `weft.engine.BLOCKED` after it has
arranged for the thread to go on later.
"""
