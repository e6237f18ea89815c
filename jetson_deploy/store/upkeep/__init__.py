"""The store over the years: is it whole, what is in it, what does nobody need any more."""
