"""Salesforce stand-in: REST API, SOQL, list views, recycle bin and pages."""
