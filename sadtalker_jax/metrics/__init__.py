"""Measures of talking heads: pure functions on arrays and features.

Networks are passed as callables; nothing here reads a file. Numbers of a clip
are Python floats, curves are numpy arrays. The definitions are those of
method 9 and of the papers that the functions name.
"""
