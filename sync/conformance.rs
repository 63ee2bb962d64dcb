//! What every storage must do for sync: one suite, run on each implementation of the port.
