"""Tests of the tests: defects put into a copy of the code on purpose, each of which the suite must catch."""
