"""Stand-ins for Salesforce and Microsoft Graph: two HTTP servers over one SQLite state.

Imports nothing of the synchroniser, so that a wrong mapping cannot hide on both sides."""
