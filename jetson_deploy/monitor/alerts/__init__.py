"""When to worry: rules as data (profiles/alerts/), judged with hold time and hysteresis, told once."""
