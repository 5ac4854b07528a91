"""The vocabulary that every other floor shares: fields, operations, errors. Needs nothing but Python."""
