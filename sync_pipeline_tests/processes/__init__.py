"""The synchroniser as a process of its own: killed, without room on its disk, without the right to write."""
