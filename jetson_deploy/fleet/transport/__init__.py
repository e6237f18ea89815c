"""Devices over SSH, by asyncssh. Nothing else imports asyncssh, and nothing of it leaves this package.

    ssh_transport.py      opens connections: settings, address, jump hosts, login
    host_settings.py      what `ssh -G` says about a host
    addresses.py          names to addresses, each within a bound
    client_keys.py        private keys and certificates, read once
    known_hosts.py        which host keys are trusted; where a changed one stands
    login.py              one login: eight at once, tried again where it was dropped before it began
    jump_hosts.py         one shared connection for each jump host
    proxy_commands.py     what ProxyCommand names: one process for each connection
    refusals.py           asyncssh's exceptions in our words
    ssh_connection.py     commands, lines and files over one connection
    remote_process.py     one process there: found behind a greeting, bounded, ended
    sending.py            a file
    sudo.py               becoming root, and why not
    first_contact.py      a device's host keys, shown and kept

Not supported, and said where it matters: RevokedHostKeys, KnownHostsCommand, PKCS11Provider, host-based and GSSAPI
logins. ControlMaster is not used. `StrictHostKeyChecking no` is not followed: an unknown key is always refused.
"""
