"""What is told of a release afterwards, or while it goes on: a page for people and a summary for a pull request."""
