"""Puts this directory on the path: the fakes beside it are shared by unit and property tests."""
