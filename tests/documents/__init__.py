"""The documents: every code block of README.md and docs/ is run, every link leads somewhere."""
