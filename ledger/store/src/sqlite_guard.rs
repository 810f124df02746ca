//! The one module that talks to SQLite past the driver: hardening of a connection, and moving many
//! rows without a channel hop for each.
//!
//! Everything here holds the driver's lock on the connection ([`LockedSqliteHandle`]), so that no
//! other thread uses the handle, and leaves no statement behind.
#![expect(
    unsafe_code,
    reason = "the C interface of SQLite; each block states why it is sound"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};

use ledger::audit::row::Field;
use libsqlite3_sys as ffi;
use sqlx::sqlite::LockedSqliteHandle;

use crate::bulk::RowRef;
use crate::db::{Cell, Value};
use crate::error::StoreError;
use crate::scan::SCAN_COLUMNS_MAX;

/// `SQLITE_STATIC`: bound text and bytes stay where they are while the statement is used.
const LENT: ffi::sqlite3_destructor_type = None;

/// An error of SQLite: extended result code and message.
#[derive(Debug)]
pub(crate) struct RawFault {
    pub(crate) code: i32,
    pub(crate) message: String,
}

/// Hardens a connection: the schema tables cannot be written, and unless `schema_may_change` the
/// authorizer refuses to drop or alter anything, to attach files and to switch protections off.
pub(crate) fn secure(
    locked: &mut LockedSqliteHandle<'_>,
    schema_may_change: bool,
) -> Result<(), RawFault> {
    let handle = locked.as_raw_handle();
    // SAFETY: the handle is open and locked. DEFENSIVE takes an int and a pointer that may be null
    // (https://www.sqlite.org/c3ref/c_dbconfig_defensive.html).
    let code = unsafe {
        let unused: *mut c_int = ptr::null_mut();
        ffi::sqlite3_db_config(
            handle.as_ptr(),
            ffi::SQLITE_DBCONFIG_DEFENSIVE,
            1 as c_int,
            unused,
        )
    };
    check(handle, code)?;
    let authorize = if schema_may_change {
        authorize_migration
    } else {
        authorize_application
    };
    // SAFETY: the callback is a plain function without user data and never calls SQLite.
    let code =
        unsafe { ffi::sqlite3_set_authorizer(handle.as_ptr(), Some(authorize), ptr::null_mut()) };
    check(handle, code)
}

/// What the application may do.
unsafe extern "C" fn authorize_application(
    user: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    database: *const c_char,
    trigger: *const c_char,
) -> c_int {
    match action {
        ffi::SQLITE_DROP_TABLE
        | ffi::SQLITE_DROP_INDEX
        | ffi::SQLITE_DROP_TRIGGER
        | ffi::SQLITE_DROP_VIEW
        | ffi::SQLITE_DROP_VTABLE
        | ffi::SQLITE_ALTER_TABLE => ffi::SQLITE_DENY,
        // SAFETY: the same arguments, passed on.
        _ => unsafe { authorize_migration(user, action, first, second, database, trigger) },
    }
}

/// What a migration may do: everything but reach other files and weaken the connection.
unsafe extern "C" fn authorize_migration(
    _user: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    _database: *const c_char,
    _trigger: *const c_char,
) -> c_int {
    const GUARDED: [&[u8]; 6] = [
        b"writable_schema",
        b"foreign_keys",
        b"recursive_triggers",
        b"ignore_check_constraints",
        b"trusted_schema",
        b"journal_mode",
    ];
    let denied = match action {
        ffi::SQLITE_ATTACH | ffi::SQLITE_DETACH => true,
        // Reading a setting has no second argument.
        ffi::SQLITE_PRAGMA if !first.is_null() && !second.is_null() => {
            // SAFETY: SQLite passes the name of the pragma as a C string.
            let name = unsafe { CStr::from_ptr(first) }.to_bytes();
            GUARDED
                .iter()
                .any(|guarded| guarded.eq_ignore_ascii_case(name))
        }
        _ => false,
    };
    if denied {
        ffi::SQLITE_DENY
    } else {
        ffi::SQLITE_OK
    }
}

/// Runs one `insert` for each row, prepared once. Returns the number of rows.
pub(crate) fn insert_rows<'a>(
    locked: &mut LockedSqliteHandle<'_>,
    sql: &str,
    rows: impl Iterator<Item = RowRef<'a>>,
) -> Result<u64, RawFault> {
    let mut statement = Statement::prepare(locked, sql)?;
    let mut count = 0;
    for row in rows {
        for (index, field) in (1..).zip(row.fields()) {
            statement.lend(index, field)?;
        }
        statement.step()?;
        statement.reset()?;
        count += 1;
    }
    Ok(count)
}

/// Runs a query and hands out its rows one by one; `cells` is reused for each.
///
/// The outer error is the database's, the inner one the receiver's.
pub(crate) fn read_rows<E>(
    locked: &mut LockedSqliteHandle<'_>,
    sql: &str,
    args: &[Value],
    cells: &mut Vec<Cell>,
    mut receive: impl FnMut(&mut Vec<Cell>) -> Result<(), E>,
) -> Result<Result<(), E>, RawFault> {
    let mut statement = Statement::prepare(locked, sql)?;
    statement.bind_numbered(args)?;
    while statement.step()? {
        statement.read(cells);
        if let Err(error) = receive(cells) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// Runs a query and hands out its rows as they stand in the statement, without a copy. Returns how
/// many values are neither integer, text in UTF-8 nor bytes: those are handed out as NULL.
///
/// The outer error is the database's, the inner one the receiver's.
pub(crate) fn scan_rows<E>(
    locked: &mut LockedSqliteHandle<'_>,
    sql: &str,
    args: &[Value],
    mut receive: impl FnMut(&[Field<'_>]) -> Result<(), E>,
) -> Result<Result<u64, E>, RawFault> {
    let mut statement = Statement::prepare(locked, sql)?;
    statement.bind_numbered(args)?;
    let mut malformed = 0;
    while statement.step()? {
        let mut fields = [Field::NullInt; SCAN_COLUMNS_MAX];
        let row = statement.fields(&mut fields, &mut malformed);
        if let Err(error) = receive(row) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(malformed))
}

/// Runs a statement that is not to give rows, such as a setting of the connection.
pub(crate) fn set(locked: &mut LockedSqliteHandle<'_>, sql: &str) -> Result<(), RawFault> {
    let mut statement = Statement::prepare(locked, sql)?;
    while statement.step()? {}
    Ok(())
}

/// The error of the connection, unless the code says that there is none.
fn check(handle: NonNull<ffi::sqlite3>, code: c_int) -> Result<(), RawFault> {
    if code == ffi::SQLITE_OK {
        return Ok(());
    }
    // SAFETY: the handle is open; the message is a C string that lives until the next call.
    let message = unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(handle.as_ptr())) };
    Err(RawFault {
        code,
        message: message.to_string_lossy().into_owned(),
    })
}

/// A prepared statement, finalised when it goes out of scope. It cannot outlive the lock on its
/// connection nor the values bound to it.
struct Statement<'lock> {
    handle: NonNull<ffi::sqlite3>,
    raw: NonNull<ffi::sqlite3_stmt>,
    lock: std::marker::PhantomData<&'lock mut ()>,
}

impl<'lock> Statement<'lock> {
    fn prepare(
        locked: &'lock mut LockedSqliteHandle<'_>,
        sql: &str,
    ) -> Result<Statement<'lock>, RawFault> {
        let handle = locked.as_raw_handle();
        let Ok(length) = c_int::try_from(sql.len()) else {
            return Err(RawFault {
                code: ffi::SQLITE_TOOBIG,
                message: "SQL too long".to_owned(),
            });
        };
        let mut raw = ptr::null_mut();
        // SAFETY: the handle is open and locked; the text is read for `length` bytes.
        let code = unsafe {
            let (text, tail) = (sql.as_ptr().cast(), ptr::null_mut());
            ffi::sqlite3_prepare_v3(handle.as_ptr(), text, length, 0, &raw mut raw, tail)
        };
        check(handle, code)?;
        match NonNull::new(raw) {
            Some(raw) => Ok(Statement {
                handle,
                raw,
                lock: std::marker::PhantomData,
            }),
            None => Err(RawFault {
                code: ffi::SQLITE_MISUSE,
                message: "no statement".to_owned(),
            }),
        }
    }

    /// Binds each argument to the parameters with its number (`$1` is the first).
    fn bind_numbered(&mut self, args: &[Value]) -> Result<(), RawFault> {
        // SAFETY: the statement is live for all calls; a parameter's name is a C string or null.
        let count = unsafe { ffi::sqlite3_bind_parameter_count(self.raw.as_ptr()) };
        for index in 1..=count {
            // SAFETY: as above.
            let name = unsafe {
                let name = ffi::sqlite3_bind_parameter_name(self.raw.as_ptr(), index);
                if name.is_null() {
                    None
                } else {
                    CStr::from_ptr(name).to_str().ok()
                }
            };
            let number = name
                .and_then(|name| name.get(1..))
                .and_then(|n| n.parse::<usize>().ok());
            let value = number
                .and_then(|n| n.checked_sub(1))
                .and_then(|place| args.get(place));
            let Some(value) = value else {
                let message = format!("no argument for parameter {index}");
                return Err(RawFault {
                    code: ffi::SQLITE_RANGE,
                    message,
                });
            };
            self.bind(index, value)?;
        }
        Ok(())
    }

    /// Binds one value. SQLite makes its own copy of text and bytes.
    fn bind(&mut self, index: c_int, value: &Value) -> Result<(), RawFault> {
        let raw = self.raw.as_ptr();
        let copy = ffi::SQLITE_TRANSIENT();
        // SAFETY: the statement is live; pointers are read for the given lengths during the call.
        // A slice of Rust is never null, so empty bytes do not become NULL.
        let code = unsafe {
            match value {
                Value::Int(number) => ffi::sqlite3_bind_int64(raw, index, *number),
                Value::Text(text) => {
                    let (start, length) = (text.as_ptr().cast(), text.len() as u64);
                    const UTF8: u8 = 1;
                    ffi::sqlite3_bind_text64(raw, index, start, length, copy, UTF8)
                }
                Value::Bytes(bytes) => {
                    let (start, length) = (bytes.as_ptr().cast(), bytes.len() as u64);
                    ffi::sqlite3_bind_blob64(raw, index, start, length, copy)
                }
                Value::NullInt | Value::NullText | Value::NullBytes => {
                    ffi::sqlite3_bind_null(raw, index)
                }
            }
        };
        check(self.handle, code)
    }

    /// Binds one value without a copy of its text or bytes.
    ///
    /// The value outlives the statement: both are borrowed or made within [`insert_rows`], whose
    /// rows live for longer than its body. A commitment is no value of a table and becomes NULL,
    /// which every column that could hold one refuses.
    fn lend(&mut self, index: c_int, field: Field<'_>) -> Result<(), RawFault> {
        let raw = self.raw.as_ptr();
        // SAFETY: the statement is live; the text and bytes stay where they are until it is
        // finalised, see above.
        let code = unsafe {
            match field {
                Field::Int(number) => ffi::sqlite3_bind_int64(raw, index, number),
                Field::Text(text) => {
                    let (start, length) = (text.as_ptr().cast(), text.len() as u64);
                    const UTF8: u8 = 1;
                    ffi::sqlite3_bind_text64(raw, index, start, length, LENT, UTF8)
                }
                Field::Bytes(bytes) => {
                    let (start, length) = (bytes.as_ptr().cast(), bytes.len() as u64);
                    ffi::sqlite3_bind_blob64(raw, index, start, length, LENT)
                }
                _ => ffi::sqlite3_bind_null(raw, index),
            }
        };
        check(self.handle, code)
    }

    /// Runs to the next row; false when there is none.
    fn step(&mut self) -> Result<bool, RawFault> {
        // SAFETY: the statement is live and its connection locked.
        match unsafe { ffi::sqlite3_step(self.raw.as_ptr()) } {
            ffi::SQLITE_ROW => Ok(true),
            ffi::SQLITE_DONE => Ok(false),
            code => check(self.handle, code).map(|()| false),
        }
    }

    /// Makes the statement ready to run again with other values.
    fn reset(&mut self) -> Result<(), RawFault> {
        // SAFETY: the statement is live.
        let code = unsafe { ffi::sqlite3_reset(self.raw.as_ptr()) };
        check(self.handle, code)
    }

    /// The current row, borrowed from the statement: no step is possible while it is in use.
    fn fields<'s, 'f>(
        &'s self,
        fields: &'f mut [Field<'s>; SCAN_COLUMNS_MAX],
        malformed: &mut u64,
    ) -> &'f [Field<'s>] {
        let raw = self.raw.as_ptr();
        // SAFETY: the statement stands on a row.
        let count = unsafe { ffi::sqlite3_column_count(raw) };
        let mut width = 0;
        for (index, field) in (0..count).zip(fields.iter_mut()) {
            // SAFETY: the index is within the row, which stays until the next step, for which the
            // statement must not be borrowed; the pointer is asked for before the length, as SQLite
            // demands.
            *field = unsafe {
                match ffi::sqlite3_column_type(raw, index) {
                    ffi::SQLITE_NULL => Field::NullInt,
                    ffi::SQLITE_INTEGER => Field::Int(ffi::sqlite3_column_int64(raw, index)),
                    ffi::SQLITE_TEXT => {
                        let start = ffi::sqlite3_column_text(raw, index);
                        let bytes = slice::<'s>(start, ffi::sqlite3_column_bytes(raw, index));
                        std::str::from_utf8(bytes).map_or_else(
                            |_| {
                                *malformed += 1;
                                Field::NullInt
                            },
                            Field::Text,
                        )
                    }
                    ffi::SQLITE_BLOB => {
                        let start = ffi::sqlite3_column_blob(raw, index).cast();
                        let length = ffi::sqlite3_column_bytes(raw, index);
                        Field::Bytes(slice::<'s>(start, length))
                    }
                    _ => {
                        *malformed += 1;
                        Field::NullInt
                    }
                }
            };
            width += 1;
        }
        &fields[..width]
    }

    /// Copies the current row into the cells, whose space is used again.
    fn read(&mut self, cells: &mut Vec<Cell>) {
        // SAFETY: the statement stands on a row.
        let count = unsafe { ffi::sqlite3_column_count(self.raw.as_ptr()) };
        cells.resize(usize::try_from(count).unwrap_or(0), Cell::Null);
        for (index, cell) in (0..count).zip(cells.iter_mut()) {
            // SAFETY: the index is within the row, which stays until the next step; the pointer is
            // asked for before the length, as SQLite demands.
            unsafe {
                let raw = self.raw.as_ptr();
                match ffi::sqlite3_column_type(raw, index) {
                    ffi::SQLITE_NULL => *cell = Cell::Null,
                    ffi::SQLITE_INTEGER => *cell = Cell::Int(ffi::sqlite3_column_int64(raw, index)),
                    ffi::SQLITE_TEXT => {
                        let start = ffi::sqlite3_column_text(raw, index);
                        cell.set_text(slice(start, ffi::sqlite3_column_bytes(raw, index)));
                    }
                    ffi::SQLITE_BLOB => {
                        let start = ffi::sqlite3_column_blob(raw, index).cast();
                        cell.set_bytes(slice(start, ffi::sqlite3_column_bytes(raw, index)));
                    }
                    _ => *cell = Cell::Other("a floating-point number".to_owned()),
                }
            }
        }
    }
}

/// The bytes at the pointer; SQLite gives null for an empty blob.
///
/// # Safety
/// The pointer is null or valid for `length` bytes as long as the result is used.
unsafe fn slice<'a>(start: *const u8, length: c_int) -> &'a [u8] {
    match usize::try_from(length) {
        // SAFETY: promised by the caller.
        Ok(length) if !start.is_null() => unsafe { std::slice::from_raw_parts(start, length) },
        _ => &[],
    }
}

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        // SAFETY: the statement is live and dropped once. The code repeats the last step's error.
        unsafe { ffi::sqlite3_finalize(self.raw.as_ptr()) };
    }
}

impl From<RawFault> for StoreError {
    fn from(fault: RawFault) -> StoreError {
        StoreError::Sqlite {
            code: fault.code,
            message: fault.message,
        }
    }
}
