"""A store as a read-only registry for the neighbours: HTTP/1.1, Ollama's protocol, which is Docker's v2.

    listen        the address, the socket
    descriptors   room for as many open files
    server        accepts, bounds, ends; one thread per connection that has a place
    door          those without a place: told to come back, and seen off
    conversation  one connection: request after request, sendfile
    request       the head of a request, read strictly
    answers       which path is answered how
    byte_range    the Range header
    served        what of the store is shown at all
    chunksums     hashes of the parts of a blob
    tally         what was served, told without flooding

Nothing is written and no lock is taken: a model that is fetched meanwhile is there as soon as its manifest is.
"""
