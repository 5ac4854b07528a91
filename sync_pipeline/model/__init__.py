"""The vocabulary every other floor shares: fields, operations, errors. No IO, no clock, no library but the standard one."""
