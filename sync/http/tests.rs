//! The HTTP client against a server that misbehaves in every way we could think of.
