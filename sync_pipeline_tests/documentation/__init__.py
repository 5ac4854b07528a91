"""Tests of the documentation: pages against the code, commands against the command line, outputs against a sandbox."""
