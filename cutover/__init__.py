"""The release driver: what a person or a pipeline types all day.

Every verb edits the stack's configuration and runs `up`, by the very commands that a hand would type, so that whoever
looks at the stack afterwards cannot tell the difference. The driver holds nothing of its own: a release under way is a
note in the stack's configuration (`release`), from which any other machine goes on.
"""
