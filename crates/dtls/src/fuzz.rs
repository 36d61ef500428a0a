//! One function per decoder.
