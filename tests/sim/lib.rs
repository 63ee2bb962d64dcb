//! The seeded simulation of terminals, network, disks, clocks and central.
