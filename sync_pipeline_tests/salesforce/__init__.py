"""The Salesforce floor: its pure parts, and its calls against the sandbox."""
