//! Sans-I/O codecs of everything that crosses a wire.
