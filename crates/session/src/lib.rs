//! The client session as a pure state machine, and its connectors.
