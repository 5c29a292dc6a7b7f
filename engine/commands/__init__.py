"""The command line, one module per group of commands; each is loaded when it is used."""
