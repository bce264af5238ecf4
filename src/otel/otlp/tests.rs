//! Against real receivers.
