"""The model store: a directory in Ollama's layout, how models come into it, stay right, and go on to others.

`fetch` brings a model from its registry; `remote/` asks registries, `transfer/` moves and hashes the bytes, `bundle/`
and `gguf/` import and export files, `serve/` serves them to other hosts, `maintenance/` verifies, lists and prunes.

Where each promise is kept (a test holds the names):

- at most a checkpoint per connection comes again after a kill: transfer.fetching:Fetcher._wait_for_checkpoint
- the journal is never ahead of what was fsynced: transfer.part:Part.checkpoint
- a failed fsync is never taken back by a later one: transfer.part:Part._synced
- a journal that was cut or damaged says less, never more: transfer.journal:Journal.read
- room is taken before the first byte: transfer.part:Part.reserve
- a blob has its name only when hashed and safe: transfer.part:Part.finish
- hashed right behind the bytes that arrive, from the page cache: transfer.hasher:Hasher._digest
- the manifest comes last, and its names are safe: place:place_manifest
- blobs that were here are made safe before a manifest names them: place:make_durable
- a wrong hash costs the part that is known to be wrong: transfer.hasher:Hasher._wrong
- a mirror is dropped at the first doubt: transfer.fetching:Fetcher._drop
- connections are opened while they pay: transfer.pace:Climb.sample
- a registry without ranges is read on one connection: transfer.work:Work._next
- a signed address that ran out is asked for again: remote.registry:Registry._blob
- a silent or trickling connection is left: remote.trickle:Trickle.is_too_slow
- the password goes to its own host alone: remote.login:Login._may_see
- a tag that moved is refused: fetch:_Manifests.find
- one writer per store: lock:store_lock
- nothing is removed that a model, a revision, a process or a download needs: maintenance.unneeded:find_unneeded
- a pinned manifest appears whole, and is mended in the directory that is mounted: pinned:pin_manifest
- what a pin needs is needed: maintenance.unneeded:pinned_blobs
- a manifest is off the disk only when its blobs are: maintenance.release:release
- a bundle is refused before anything of it is believed: bundle.bundle:read_bundle
- a server sends only blobs that a manifest here names: serve.served:ServedStore.open_blob
"""
