"""The commands, one a module: ``parser()`` says what each takes, ``run(arguments)`` returns the exit status."""
