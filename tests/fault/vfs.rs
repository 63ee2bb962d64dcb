//! The disk as SQLite calls it: a VFS and the methods of its files, which turn pointers into calls of [`State`].
//!
//! SQLite keeps the address of a VFS for as long as a connection lives and has no way to say when it lets go, so
//! a VFS is never freed: slots are leaked, and used again when a disk and all its files are gone.

use crate::refusal::{Failure, Kind};
use crate::state::{Refusal, State, Wish};
use rusqlite::ffi;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// A registered VFS and the state of the disk that uses it.
pub(crate) struct Slot {
    name: CString,
    state: Mutex<State>,
    /// Set when the disk is gone but files are still open.
    is_left: Mutex<bool>,
}

static POOL: Mutex<(Vec<&'static Slot>, usize)> = Mutex::new((Vec::new(), 0));

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SQLite counts the memory it uses under one lock of the process, which costs simulations in many threads a third of
/// their time. To be called before anything uses SQLite; later it goes on counting.
pub fn do_not_count_memory() {
    static ASKED: Once = Once::new();
    ASKED.call_once(|| {
        // SAFETY: SQLite refuses this itself once it is in use.
        let _ = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0 as c_int) };
    });
}

impl Slot {
    /// A slot with an empty disk: one that was given back, or a new one.
    pub fn take() -> &'static Self {
        let mut pool = lock(&POOL);
        if let Some(slot) = pool.0.pop() {
            return slot;
        }
        pool.1 += 1;
        let name = CString::new(format!("fault-{}", pool.1)).expect("no zero in it");
        let state = Mutex::new(State::default());
        let slot: &'static Self =
            Box::leak(Box::new(Self { name, state, is_left: Mutex::new(false) }));
        let vfs = Box::leak(Box::new(slot.vfs()));
        // SAFETY: the structure is complete and lives for ever.
        let code = unsafe { ffi::sqlite3_vfs_register(vfs, 0) };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite takes a file system");
        slot
    }

    /// The disk is gone; the slot is free as soon as its files are closed.
    pub fn give_back(&'static self) {
        let mut state = self.state();
        if state.handles.is_empty() {
            *state = State::default();
            drop(state);
            lock(&POOL).0.push(self);
        } else {
            state.is_off = true;
            *lock(&self.is_left) = true;
        }
    }

    /// The last file of a disk that is gone was closed.
    fn free_if_left(&'static self, mut state: MutexGuard<'_, State>) {
        let mut is_left = lock(&self.is_left);
        if *is_left && state.handles.is_empty() {
            *is_left = false;
            *state = State::default();
            drop(state);
            lock(&POOL).0.push(self);
        }
    }

    pub fn name(&self) -> &str {
        self.name.to_str().expect("ASCII")
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn vfs(&'static self) -> ffi::sqlite3_vfs {
        ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<OpenFile>() as c_int,
            mxPathname: 1024,
            pNext: std::ptr::null_mut(),
            zName: self.name.as_ptr(),
            pAppData: std::ptr::from_ref(self).cast_mut().cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: Some(current_time_ms),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }
    }
}

/// What SQLite gives memory for: its own part, the slot and the number of the handle.
#[repr(C)]
struct OpenFile {
    base: ffi::sqlite3_file,
    slot: &'static Slot,
    handle: u64,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // Version 2: shared memory, so that there can be a write-ahead log; no mapped reading.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(take_lock),
    xUnlock: Some(lower_lock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// What SQLite's own file system would answer.
fn code(refusal: Refusal, kind: Kind) -> c_int {
    match (refusal, kind) {
        (Refusal::Fault(Failure::Busy), _) => ffi::SQLITE_BUSY,
        (Refusal::Fault(Failure::Full), Kind::Write) => ffi::SQLITE_FULL,
        (Refusal::Fault(Failure::Full), Kind::ShmMap) => ffi::SQLITE_IOERR_SHMSIZE,
        (Refusal::Fault(Failure::Short), Kind::Read) => ffi::SQLITE_IOERR_SHORT_READ,
        (Refusal::NotFound, Kind::Delete) => ffi::SQLITE_IOERR_DELETE_NOENT,
        (_, Kind::Open | Kind::Create) => ffi::SQLITE_CANTOPEN,
        (_, Kind::Read) => ffi::SQLITE_IOERR_READ,
        (_, Kind::Write) => ffi::SQLITE_IOERR_WRITE,
        (_, Kind::Truncate) => ffi::SQLITE_IOERR_TRUNCATE,
        (_, Kind::Sync) => ffi::SQLITE_IOERR_FSYNC,
        (_, Kind::Size) => ffi::SQLITE_IOERR_FSTAT,
        (_, Kind::Delete | Kind::Rename) => ffi::SQLITE_IOERR_DELETE,
        (_, Kind::Access) => ffi::SQLITE_IOERR_ACCESS,
        (_, Kind::Lock) => ffi::SQLITE_IOERR_LOCK,
        (_, Kind::ShmMap) => ffi::SQLITE_IOERR_SHMMAP,
        (_, Kind::ShmLock) => ffi::SQLITE_IOERR_SHMLOCK,
    }
}

fn answer(result: Result<(), Refusal>, kind: Kind) -> c_int {
    result.map_or_else(|refusal| code(refusal, kind), |()| ffi::SQLITE_OK)
}

/// # Safety
/// `vfs` is one that [`Slot::take`] registered.
unsafe fn slot_of(vfs: *mut ffi::sqlite3_vfs) -> &'static Slot {
    // SAFETY: by the contract, and slots are never freed.
    unsafe { &*(*vfs).pAppData.cast::<Slot>() }
}

/// # Safety
/// `file` was filled by [`open`] and not closed.
unsafe fn open_file(file: *mut ffi::sqlite3_file) -> &'static OpenFile {
    // SAFETY: by the contract; SQLite keeps the memory until after `close`.
    unsafe { &*file.cast::<OpenFile>() }
}

/// # Safety
/// `name` is null or ends with a zero.
unsafe fn text<'name>(name: *const c_char) -> Option<&'name str> {
    if name.is_null() {
        return None;
    }
    // SAFETY: by the contract.
    unsafe { CStr::from_ptr(name) }.to_str().ok()
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives its own VFS, a name that ends with zero, and memory of `szOsFile` bytes.
    let (slot, name) = unsafe { (slot_of(vfs), text(name)) };
    let journals = ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
    let wish = Wish {
        name,
        may_create: flags & ffi::SQLITE_OPEN_CREATE != 0,
        must_create: flags & ffi::SQLITE_OPEN_EXCLUSIVE != 0,
        is_temporary: flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0,
        is_journal: flags & (journals | ffi::SQLITE_OPEN_WAL) != 0,
    };
    let opened = slot.state().open(&wish);
    let (methods, handle, result) = match opened {
        Ok((handle, is_read_only)) => {
            if is_read_only && !flags_out.is_null() {
                let flags = flags & !(ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE);
                // SAFETY: SQLite's variable.
                unsafe { *flags_out = flags | ffi::SQLITE_OPEN_READONLY };
            } else if !flags_out.is_null() {
                // SAFETY: SQLite's variable.
                unsafe { *flags_out = flags };
            }
            (&raw const METHODS, handle, ffi::SQLITE_OK)
        }
        Err(refusal) => (std::ptr::null(), 0, code(refusal, Kind::Open)),
    };
    let base = ffi::sqlite3_file { pMethods: methods };
    // SAFETY: the memory is of the size and alignment of `OpenFile` and holds nothing.
    unsafe { file.cast::<OpenFile>().write(OpenFile { base, slot, handle }) };
    result
}

unsafe extern "C" fn delete(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    syncs_directory: c_int,
) -> c_int {
    // SAFETY: SQLite gives its own VFS and a name that ends with zero.
    let (slot, name) = unsafe { (slot_of(vfs), text(name)) };
    let deleted = slot.state().delete(name.unwrap_or_default(), syncs_directory != 0);
    answer(deleted, Kind::Delete)
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    found: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives its own VFS and a name that ends with zero.
    let (slot, name) = unsafe { (slot_of(vfs), text(name).unwrap_or_default()) };
    let mut state = slot.state();
    if let Err(refusal) = state.admit(Kind::Access, name) {
        return code(refusal, Kind::Access);
    }
    let file = state.platter.names.get(name);
    // As SQLite's own: an empty file does not exist, when it asks for hot journals.
    let is_there = match file.and_then(|file| state.platter.live(*file)) {
        Some(content) => flags != ffi::SQLITE_ACCESS_EXISTS || !content.is_empty(),
        None => false,
    };
    // SAFETY: SQLite's variable.
    unsafe { *found = c_int::from(is_there) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    size: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite gives a name that ends with zero.
    let Some(name) = (unsafe { text(name) }) else { return ffi::SQLITE_CANTOPEN };
    let path = if name.starts_with('/') { name.to_owned() } else { format!("/{name}") };
    if path.len() + 1 > size as usize {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: `out` has `size` bytes, which hold the path and its zero.
    unsafe {
        std::ptr::copy_nonoverlapping(path.as_ptr(), out.cast(), path.len());
        *out.add(path.len()) = 0;
    }
    ffi::SQLITE_OK
}

/// From the operating system's own file system: salts that were the same in two runs would make a stale log look
/// fresh, which no real disk does.
unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, size: c_int, out: *mut c_char) -> c_int {
    // SAFETY: the default VFS exists on every system that SQLite is built for.
    unsafe {
        let system = ffi::sqlite3_vfs_find(std::ptr::null());
        (*system).xRandomness.map_or(0, |fill| fill(system, size, out))
    }
}

/// Nobody sleeps: those who wait for a lock ask again at once, as often as they would have.
unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    std::thread::yield_now();
    microseconds
}

/// Noon of 15 January 2027, as a Julian day: a disk knows no time, and SQLite needs one only for `date('now')`.
const JULIAN_DAY: f64 = 2_461_421.0;

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, days: *mut f64) -> c_int {
    // SAFETY: SQLite's variable.
    unsafe { *days = JULIAN_DAY };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time_ms(
    _: *mut ffi::sqlite3_vfs,
    milliseconds: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite's variable.
    unsafe { *milliseconds = (JULIAN_DAY * 86_400_000.0) as i64 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn last_error(_: *mut ffi::sqlite3_vfs, _: c_int, _: *mut c_char) -> c_int {
    0
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite gives a file that `open` filled.
    let open = unsafe { open_file(file) };
    let mut state = open.slot.state();
    state.close(open.handle);
    open.slot.free_if_left(state);
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    into: *mut c_void,
    size: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives a file that `open` filled and a buffer of `size` bytes.
    let (open, into) = unsafe {
        (open_file(file), std::slice::from_raw_parts_mut(into.cast::<u8>(), size as usize))
    };
    let mut state = open.slot.state();
    let admitted = state.admit_on(open.handle, Kind::Read);
    let is_short = admitted == Err(Refusal::Fault(Failure::Short));
    let id = match admitted {
        Ok(id) => id,
        Err(_) if is_short => state.handles.get(&open.handle).map_or(0, |handle| handle.file),
        Err(refusal) => return code(refusal, Kind::Read),
    };
    let Some(content) = state.platter.live(id) else { return ffi::SQLITE_IOERR_READ };
    let there = content.read(offset as usize, into);
    if is_short {
        into[size as usize / 2..].fill(0);
        return ffi::SQLITE_IOERR_SHORT_READ;
    }
    if there < into.len() { ffi::SQLITE_IOERR_SHORT_READ } else { ffi::SQLITE_OK }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    size: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives a file that `open` filled and `size` bytes.
    let (open, bytes) =
        unsafe { (open_file(file), std::slice::from_raw_parts(from.cast::<u8>(), size as usize)) };
    answer(open.slot.state().write(open.handle, offset as usize, bytes), Kind::Write)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives a file that `open` filled.
    let open = unsafe { open_file(file) };
    let mut state = open.slot.state();
    let admitted = state.admit_on(open.handle, Kind::Truncate);
    answer(admitted.map(|id| state.platter.truncate(id, size as usize)), Kind::Truncate)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: SQLite gives a file that `open` filled.
    let open = unsafe { open_file(file) };
    answer(open.slot.state().sync(open.handle), Kind::Sync)
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    size: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives a file that `open` filled.
    let open = unsafe { open_file(file) };
    let mut state = open.slot.state();
    match state.admit_on(open.handle, Kind::Size) {
        Ok(id) => {
            let len = state.platter.live(id).map_or(0, |content| content.len());
            // SAFETY: SQLite's variable.
            unsafe { *size = len as i64 };
            ffi::SQLITE_OK
        }
        Err(refusal) => code(refusal, Kind::Size),
    }
}

unsafe extern "C" fn take_lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite gives a file that `open` filled.
    let open = unsafe { open_file(file) };
    let mut state = open.slot.state();
    match state.admit_on(open.handle, Kind::Lock) {
        Ok(id) if state.locks.entry(id).or_default().take(open.handle, level) => ffi::SQLITE_OK,
        Ok(_) => ffi::SQLITE_BUSY,
        Err(refusal) => code(refusal, Kind::Lock),
    }
}

unsafe extern "C" fn lower_lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite gives a file that `open` filled.
    let open = unsafe { open_file(file) };
    let mut state = open.slot.state();
    if let Ok(id) = state.handle(open.handle).map(|handle| handle.file)
        && let Some(locks) = state.locks.get_mut(&id)
    {
        locks.lower(open.handle, level);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: SQLite gives a file that `open` filled.
    let open = unsafe { open_file(file) };
    let mut state = open.slot.state();
    match state.admit_on(open.handle, Kind::Lock) {
        Ok(id) => {
            let is_reserved = state.locks.get(&id).is_some_and(|locks| locks.is_reserved());
            // SAFETY: SQLite's variable.
            unsafe { *out = c_int::from(is_reserved) };
            ffi::SQLITE_OK
        }
        Err(Refusal::Fault(Failure::Busy)) => ffi::SQLITE_BUSY,
        Err(_) => ffi::SQLITE_IOERR_CHECKRESERVEDLOCK,
    }
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    4096
}

unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    size: c_int,
    may_extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite gives a file that `open` filled.
    let open = unsafe { open_file(file) };
    let mut state = open.slot.state();
    let start = match state.admit_on(open.handle, Kind::ShmMap) {
        Ok(id) => {
            let memory = state.memory.entry(id).or_default();
            memory.join(open.handle);
            Ok(memory.map(region as usize, size as usize, may_extend != 0))
        }
        Err(refusal) => Err(refusal),
    };
    // SAFETY: SQLite's variable.
    unsafe { *out = start.unwrap_or(std::ptr::null_mut()).cast() };
    answer(start.map(|_| ()), Kind::ShmMap)
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    offset: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: SQLite gives a file that `open` filled.
    let open = unsafe { open_file(file) };
    let mut state = open.slot.state();
    let lets_go = flags & ffi::SQLITE_SHM_UNLOCK != 0;
    let admitted = if lets_go {
        state.handle(open.handle).map(|handle| handle.file)
    } else {
        state.admit_on(open.handle, Kind::ShmLock)
    };
    match admitted {
        Ok(id) => {
            let memory = state.memory.entry(id).or_default();
            let is_taken = memory.lock(open.handle, offset as usize, count as usize, flags);
            if is_taken { ffi::SQLITE_OK } else { ffi::SQLITE_BUSY }
        }
        Err(_) if lets_go => ffi::SQLITE_OK,
        Err(refusal) => code(refusal, Kind::ShmLock),
    }
}

unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: SQLite gives a file that `open` filled.
    let open = unsafe { open_file(file) };
    let mut state = open.slot.state();
    if let Ok(id) = state.handle(open.handle).map(|handle| handle.file) {
        state.leave_memory(open.handle, id);
    }
    ffi::SQLITE_OK
}
