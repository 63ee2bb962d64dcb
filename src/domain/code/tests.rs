//! Whole codes: what each class of them means.
