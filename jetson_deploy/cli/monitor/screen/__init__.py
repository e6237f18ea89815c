"""The live view as lines of styled text: no terminal is touched here."""
