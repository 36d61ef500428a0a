//! Addresses, routes, name servers and forwarding, with an undo journal.
