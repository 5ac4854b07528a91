"""The verbs of the command line, one file for each group of them; what is heavy is imported when a verb runs."""
