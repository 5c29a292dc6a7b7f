"""Everything that a release needs, looked at one thing after the other: what was found, and what puts it right."""
