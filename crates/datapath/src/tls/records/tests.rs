//! Records against rustls.
