//! The packet engine of both sides.
