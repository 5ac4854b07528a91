"""The machine: users, runs and faults interleaved at random, judged by the invariants from the sandbox's log."""
