//! Reads rows out of a damaged encrypted database, page by page.
