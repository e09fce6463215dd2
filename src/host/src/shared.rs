//! Shared data and queues kept in the process: what VMs of one id have in common.

use crate::abi::{ContextId, Status};
use crate::host::Shared;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Data and queues of all VM ids. Clones are the same store.
///
/// Keys are scoped by VM id, as in Envoy; the empty id is one common scope.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    data: BTreeMap<(Vec<u8>, Vec<u8>), Shared>,
    queues: Vec<Queue>,
    last_cas: u32,
    used: usize,
    most: usize,
}

#[derive(Debug)]
struct Queue {
    vm_id: Vec<u8>,
    name: Vec<u8>,
    consumer: ContextId,
    items: VecDeque<Vec<u8>>,
}

impl Default for Store {
    fn default() -> Self {
        Self::new(64 * 1024 * 1024)
    }
}

impl Store {
    /// A store for at most `most` bytes of keys, values, names and items.
    pub fn new(most: usize) -> Self {
        let inner = Inner { data: BTreeMap::new(), queues: Vec::new(), last_cas: 0, used: 0, most };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Reads a value.
    ///
    /// # Errors
    /// [`Status::NotFound`] when there is no such key.
    pub fn get(&self, vm_id: &[u8], key: &[u8]) -> Result<Shared, Status> {
        let id = (vm_id.to_vec(), key.to_vec());
        self.lock().data.get(&id).cloned().ok_or(Status::NotFound)
    }

    /// Writes a value; `cas` is the version that must still be in place, zero for any.
    ///
    /// # Errors
    /// [`Status::CasMismatch`] when it is not; [`Status::InternalFailure`] when there is no room.
    pub fn set(&self, vm_id: &[u8], key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        let mut inner = self.lock();
        let id = (vm_id.to_vec(), key.to_vec());
        let freed = match inner.data.get(&id) {
            Some(old) if cas != 0 && old.cas != cas => return Err(Status::CasMismatch),
            Some(old) => old.value.len(),
            None => 0,
        };
        let added = match freed {
            0 if !inner.data.contains_key(&id) => value.len().saturating_add(id.1.len()),
            _ => value.len(),
        };
        inner.take_room(freed, added)?;
        inner.last_cas = inner.last_cas.checked_add(1).unwrap_or(1);
        let cas = inner.last_cas;
        inner.data.insert(id, Shared { value: value.to_vec(), cas });
        Ok(())
    }

    /// Makes or finds a queue; `consumer` is the context that is told about items from now on.
    ///
    /// # Errors
    /// [`Status::InternalFailure`] when there is no room.
    pub fn register_queue(
        &self,
        vm_id: &[u8],
        name: &[u8],
        consumer: ContextId,
    ) -> Result<u32, Status> {
        let mut inner = self.lock();
        if let Some(at) = inner.position(vm_id, name) {
            if let Some(queue) = inner.queues.get_mut(at) {
                queue.consumer = consumer;
            }
            return id_of(at);
        }
        let at = inner.queues.len();
        inner.take_room(0, name.len())?;
        inner.queues.push(Queue {
            vm_id: vm_id.to_vec(),
            name: name.to_vec(),
            consumer,
            items: VecDeque::new(),
        });
        id_of(at)
    }

    /// Finds a queue.
    ///
    /// # Errors
    /// [`Status::NotFound`] when nobody has registered it.
    pub fn resolve_queue(&self, vm_id: &[u8], name: &[u8]) -> Result<u32, Status> {
        id_of(self.lock().position(vm_id, name).ok_or(Status::NotFound)?)
    }

    /// Appends an item, and says who is to be told: [`Vm::queue_ready`](crate::Vm::queue_ready).
    ///
    /// # Errors
    /// [`Status::NotFound`] without such a queue; [`Status::InternalFailure`] without room.
    pub fn enqueue(&self, queue: u32, item: &[u8]) -> Result<ContextId, Status> {
        let mut inner = self.lock();
        let at = inner.check(queue)?;
        inner.take_room(0, item.len())?;
        let queue = inner.queues.get_mut(at).ok_or(Status::NotFound)?;
        queue.items.push_back(item.to_vec());
        Ok(queue.consumer)
    }

    /// Takes the first item.
    ///
    /// # Errors
    /// [`Status::NotFound`] without such a queue; [`Status::Empty`] without an item.
    pub fn dequeue(&self, queue: u32) -> Result<Vec<u8>, Status> {
        let mut inner = self.lock();
        let at = inner.check(queue)?;
        let queue = inner.queues.get_mut(at).ok_or(Status::NotFound)?;
        let item = queue.items.pop_front().ok_or(Status::Empty)?;
        inner.used = inner.used.saturating_sub(item.len());
        Ok(item)
    }

    /// No method leaves the store half changed, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn position(&self, vm_id: &[u8], name: &[u8]) -> Option<usize> {
        self.queues.iter().position(|q| q.vm_id == vm_id && q.name == name)
    }

    fn check(&self, queue: u32) -> Result<usize, Status> {
        let at = usize::try_from(queue).or(Err(Status::NotFound))?.checked_sub(1);
        at.filter(|at| *at < self.queues.len()).ok_or(Status::NotFound)
    }

    fn take_room(&mut self, freed: usize, added: usize) -> Result<(), Status> {
        let used = self.used.saturating_sub(freed).saturating_add(added);
        if used > self.most {
            return Err(Status::InternalFailure);
        }
        self.used = used;
        Ok(())
    }
}

/// Queue ids start at one, as in Envoy.
fn id_of(at: usize) -> Result<u32, Status> {
    u32::try_from(at).ok().and_then(|at| at.checked_add(1)).ok_or(Status::InternalFailure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_needs_the_version_it_names() {
        let store = Store::default();
        assert_eq!(store.get(b"vm", b"k"), Err(Status::NotFound));
        assert_eq!(store.set(b"vm", b"k", b"one", 0), Ok(()));
        let first = store.get(b"vm", b"k").unwrap();
        assert_eq!(store.set(b"vm", b"k", b"two", first.cas), Ok(()));
        assert_eq!(store.set(b"vm", b"k", b"three", first.cas), Err(Status::CasMismatch));
        assert_eq!(store.get(b"vm", b"k").unwrap().value, b"two");
        assert_eq!(store.get(b"other", b"k"), Err(Status::NotFound));
    }

    #[test]
    fn queues_are_found_by_vm_and_name() {
        let store = Store::default();
        assert_eq!(store.resolve_queue(b"vm", b"q"), Err(Status::NotFound));
        let queue = store.register_queue(b"vm", b"q", ContextId(1)).unwrap();
        assert_eq!(store.register_queue(b"vm", b"q", ContextId(2)), Ok(queue));
        assert_eq!(store.resolve_queue(b"vm", b"q"), Ok(queue));
        assert_eq!(store.resolve_queue(b"other", b"q"), Err(Status::NotFound));
        assert_eq!(store.enqueue(queue, b"a"), Ok(ContextId(2)));
        assert_eq!(store.enqueue(queue, b"b"), Ok(ContextId(2)));
        assert_eq!(store.dequeue(queue), Ok(b"a".to_vec()));
        assert_eq!(store.dequeue(queue), Ok(b"b".to_vec()));
        assert_eq!(store.dequeue(queue), Err(Status::Empty));
        for other in [0, queue.saturating_add(1), u32::MAX] {
            assert_eq!(store.dequeue(other), Err(Status::NotFound));
            assert_eq!(store.enqueue(other, b"x"), Err(Status::NotFound));
        }
    }

    #[test]
    fn room_is_limited_and_given_back() {
        let store = Store::new(10);
        assert_eq!(store.set(b"", b"k", &[0; 9], 0), Ok(()));
        assert_eq!(store.set(b"", b"k", &[0; 10], 0), Err(Status::InternalFailure));
        assert_eq!(store.set(b"", b"k", &[0; 4], 0), Ok(()));
        let queue = store.register_queue(b"", b"q", ContextId(1)).unwrap();
        assert_eq!(store.enqueue(queue, &[0; 4]), Ok(ContextId(1)));
        assert_eq!(store.enqueue(queue, &[0; 1]), Err(Status::InternalFailure));
        assert!(store.dequeue(queue).is_ok());
        assert_eq!(store.enqueue(queue, &[0; 1]), Ok(ContextId(1)));
    }
}
