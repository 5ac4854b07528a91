"""Microsoft Graph stand-in: users, contact folders, contacts, delta, categories, photos, $batch and pages."""
