"""One module per verb: arguments → one call → rendering. The only package that prints."""
