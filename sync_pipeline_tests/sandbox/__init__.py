"""Wire tests of the stand-ins: real HTTP, judged by what a client sees."""
