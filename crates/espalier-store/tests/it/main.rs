//! Folders and key files, from outside.
