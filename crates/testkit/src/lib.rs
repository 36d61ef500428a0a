//! Parts for tests: namespaces, clocks, links, certificates.
