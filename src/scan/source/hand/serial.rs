//! A serial line, raw, for this program alone.
//!
//! Terminal settings are asked of the kernel directly (`rustix`): what the crates for serial ports
//! add (other systems, a list of ports through libudev) is not needed here, and two of them would
//! bring a C library along.

use super::bus::wait;
use super::{Port, Signal};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{
    ControlModes, InputModes, OptionalActions, QueueSelector, SpecialCodeIndex, ioctl_tiocexcl,
    tcflush, tcgetattr, tcsetattr,
};
use std::io;
use std::path::Path;
use std::time::Duration;

/// An open line; the lock on it ends with it.
pub(super) struct SerialPort(OwnedFd);

impl SerialPort {
    /// Eight bits, no parity, one stop bit, no flow control: what scanners are delivered with. A
    /// USB line ignores the speed.
    pub(super) fn open(path: &Path, baud: u32) -> io::Result<Self> {
        // Without waiting for a carrier, and without making it the terminal of this program.
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let line = rustix::fs::open(path, flags, Mode::empty())?;
        // First, so that what is no serial line at all is told as such.
        let mut settings = tcgetattr(&line)?;
        ioctl_tiocexcl(&line)?;
        settings.make_raw();
        settings.set_speed(baud)?;
        settings.control_modes |= ControlModes::CREAD | ControlModes::CLOCAL | ControlModes::CS8;
        settings.control_modes -=
            ControlModes::PARENB | ControlModes::CSTOPB | ControlModes::CRTSCTS;
        settings.input_modes -= InputModes::IXON | InputModes::IXOFF | InputModes::IXANY;
        // Nothing there is "try again"; an end of the file is a line that is gone.
        settings.special_codes[SpecialCodeIndex::VMIN] = 1;
        settings.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&line, OptionalActions::Now, &settings)?;
        // What was sent before anybody listened may have lost its beginning.
        tcflush(&line, QueueSelector::IFlush)?;
        Ok(Self(line))
    }
}

impl Port for SerialPort {
    fn read(&mut self, patience: Duration, signals: &mut Vec<Signal>) -> io::Result<()> {
        if !wait(self.0.as_fd(), patience)? {
            return Ok(());
        }
        let mut bytes = [0; 512];
        match rustix::io::read(&self.0, &mut bytes) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                signals.extend(bytes[..count].iter().map(|byte| Signal::Byte(*byte)));
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
