//! Lives: forks, restored backups, replaced and revoked terminals, strays, damage, contracts.

use super::*;
use crate::ports::DeviceKey;
