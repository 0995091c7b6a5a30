//! Requests that are wrong, and lines that are none.
