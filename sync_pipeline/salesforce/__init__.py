"""Salesforce over the wire: login, queries, list views, changes, collections. No warehouse, no planning."""
