"""profiles/ and containers/ as typed, cross-checked data; users overlay entries by id."""
