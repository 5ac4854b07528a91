"""Executes a plan and decides nothing: intent, call, receipt; recovery looks before anything is sent again."""
