//! One lock, and whether the store is still open.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use oauth_core::store::StoreError;

/// Rows behind a lock; `None` once the store was closed.
///
/// A panic while rows were being changed leaves them unavailable for ever: half a change is never shown.
pub(crate) struct Table<T>(RwLock<Option<T>>);

impl<T> Table<T> {
    /// Runs `look` while nobody changes the rows.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> Result<R, StoreError> {
        let rows = self.0.read().map_err(|_| broken())?;
        rows.as_ref().map(look).ok_or_else(closed)
    }

    /// Runs `change` while nobody else looks.
    pub(crate) fn write<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, StoreError> {
        let mut rows = self.0.write().map_err(|_| broken())?;
        rows.as_mut().map(change).ok_or_else(closed)
    }

    /// Waits for the calls under way and lets go of the rows.
    pub(crate) fn close(&self) {
        let rows = self.0.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(rows); // after the lock: freeing a lot of rows takes a while
    }
}

impl<T: Default> Default for Table<T> {
    fn default() -> Self {
        Self(RwLock::new(Some(T::default())))
    }
}

fn closed() -> StoreError {
    StoreError::unavailable("the memory store was closed")
}

/// Rows behind a lock of their own, within a table.
pub(crate) fn locked<T>(rows: &Mutex<T>) -> Result<MutexGuard<'_, T>, StoreError> {
    rows.lock().map_err(|_| broken())
}

/// What a poisoned lock means to callers.
fn broken() -> StoreError {
    StoreError::unavailable("the memory store broke in the middle of a change")
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use oauth_core::store::StoreErrorKind;

    use super::*;

    #[test]
    fn half_a_change_is_never_shown_and_can_be_closed() {
        let table = Table::<Vec<u8>>::default();
        let change = catch_unwind(AssertUnwindSafe(|| {
            table.write(|rows| {
                rows.push(1);
                panic!("in the middle");
            })
        }));
        assert!(change.is_err());
        assert_eq!(table.read(Vec::len).map_err(|error| error.kind()), Err(StoreErrorKind::Unavailable));
        table.close();
        assert_eq!(table.write(|rows| rows.len()).map_err(|error| error.kind()), Err(StoreErrorKind::Unavailable));
    }
}
