"""Missing blobs into the store: in ranges over several connections, hashed meanwhile, resumable from a journal."""
