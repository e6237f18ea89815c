"""What the live view shows, as lines of styled text: no terminal is touched here."""
