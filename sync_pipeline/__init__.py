"""Two-way synchronisation of business contacts between Outlook and Salesforce."""
