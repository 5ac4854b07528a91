"""Outlook contacts over Microsoft Graph: the wire, the mirror's rows, extraction.

Knows neither the warehouse nor planning."""
