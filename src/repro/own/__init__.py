"""Tools for a user's own data and models."""
