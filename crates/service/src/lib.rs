//! The privileged service that owns session and tunnel.
