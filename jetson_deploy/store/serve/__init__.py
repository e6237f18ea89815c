"""A store as a read-only registry for other hosts: HTTP/1.1, Ollama's protocol, which is Docker's v2.

    listen        the address, the socket
    descriptors   room for as many open files
    server        accepts, bounds, ends; one thread per connection that has a place
    accept_queue  connections without a thread: queued, refused with 503, drained
    connection    one connection: request after request, sendfile
    request       the head of a request, read strictly
    answers       from a path to its answer
    byte_range    the Range header
    served        the part of the store that is served
    chunksums     hashes of the parts of a blob
    tally         counts of requests and bytes, reported without flooding

Nothing is written and no lock is taken: a model that is fetched meanwhile is there as soon as its manifest is.
"""
