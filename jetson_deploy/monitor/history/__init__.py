"""History: samples and events in one SQLite file, written gently, bounded, and read again."""
