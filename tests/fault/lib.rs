//! A disk in memory that loses, tears and refuses what was written: a file system for SQLite, for tests.
