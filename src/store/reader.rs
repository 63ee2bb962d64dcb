//! The readers: a small pool of read-only connections, each seeing the last commit when its query begins.

use crate::connection::{Door, Purpose};
use crate::error::StoreError;
use rusqlite::Connection;
use std::sync::{Condvar, Mutex, PoisonError};

pub(crate) struct Readers {
    door: Door,
    state: Mutex<State>,
    returned: Condvar,
}

struct State {
    idle: Vec<Connection>,
    is_closed: bool,
}

impl Readers {
    pub fn open(door: Door, count: usize) -> Result<Self, rusqlite::Error> {
        let mut idle = Vec::with_capacity(count);
        for _ in 0..count {
            idle.push(door.connect(Purpose::Read)?);
        }
        let state = Mutex::new(State { idle, is_closed: false });
        Ok(Self { door, state, returned: Condvar::new() })
    }

    /// Runs `read` in one transaction, so that all its queries see the same state.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut lent = self.take()?;
        let connection = lent.connection.as_mut().expect("it is there until it is given back");
        let answer = in_transaction(connection, read);
        if answer.as_ref().is_err_and(StoreError::spoils_connection)
            && let Ok(fresh) = self.door.connect(Purpose::Read)
        {
            lent.connection = Some(fresh);
        }
        answer
    }

    fn take(&self) -> Result<Lent<'_>, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.is_closed {
                return Err(StoreError::Closed);
            }
            if let Some(connection) = state.idle.pop() {
                return Ok(Lent { connection: Some(connection), pool: self });
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Closes the idle connections; those in use close when they come back.
    pub fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_closed = true;
        state.idle.clear();
        self.returned.notify_all();
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    read: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let tx = connection.transaction()?;
    let answer = read(&tx)?;
    tx.finish()?;
    Ok(answer)
}

/// A connection on loan; it goes back even if its reader panics.
struct Lent<'pool> {
    connection: Option<Connection>,
    pool: &'pool Readers,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_closed {
            state.idle.extend(self.connection.take());
        }
        self.pool.returned.notify_one();
    }
}
