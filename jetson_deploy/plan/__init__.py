"""Pure: facts + request + catalog → plan. No I/O, no clock, no imports that do either."""
