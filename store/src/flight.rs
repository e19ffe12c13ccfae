//! One computation a coordinate: the first to miss leads, the others wait for what it finds.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use crate::{
    Batch, Coordinate, Error, Result,
    sync::{Condvar, Mutex, MutexGuard, ThreadId, current},
};

/// The computations under way.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<Coordinate, Arc<Flight>>>);

#[derive(Debug)]
struct Flight {
    leader: ThreadId,
    state: Mutex<State>,
    landed: Condvar,
}

#[derive(Debug)]
enum State {
    Pending,
    Failed,
    Landed(Arc<Batch>),
}

/// Whose turn it is to compute.
pub(crate) enum Turn<'a> {
    /// The caller's: it computes, and lands what it found. Dropping the lead says that it failed.
    Lead(Lead<'a>),
    /// Another thread's, and this is what it found; `None` where it failed.
    Waited(Option<Arc<Batch>>),
}

/// The right to compute one coordinate.
pub(crate) struct Lead<'a> {
    flights: &'a Flights,
    at: &'a Coordinate,
    flight: Arc<Flight>,
}

impl Flights {
    /// Takes the lead, or waits for whoever has it.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the caller's own computation of this coordinate asks for it again.
    pub(crate) fn enter<'a>(&'a self, at: &'a Coordinate) -> Result<Turn<'a>> {
        let flight = {
            let mut pending = lock(&self.0);
            match pending.get(at) {
                Some(flight) => Arc::clone(flight),
                None => {
                    let (state, landed) = (Mutex::new(State::Pending), Condvar::new());
                    let flight = Arc::new(Flight { leader: current().id(), state, landed });
                    pending.insert(at.clone(), Arc::clone(&flight));
                    return Ok(Turn::Lead(Lead { flights: self, at, flight }));
                }
            }
        };
        if flight.leader == current().id() {
            return Err(Error::Invalid(format!("{at}: its computation asks for itself: break the cycle")));
        }
        let mut state = lock(&flight.state);
        loop {
            state = match &*state {
                State::Pending => flight.landed.wait(state).unwrap_or_else(PoisonError::into_inner),
                State::Failed => return Ok(Turn::Waited(None)),
                State::Landed(batch) => return Ok(Turn::Waited(Some(Arc::clone(batch)))),
            }
        }
    }
}

impl Lead<'_> {
    /// Hands what was found to those who wait.
    pub(crate) fn land(self, batch: &Arc<Batch>) {
        *lock(&self.flight.state) = State::Landed(Arc::clone(batch));
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        lock(&self.flights.0).remove(self.at);
        let mut state = lock(&self.flight.state);
        if matches!(*state, State::Pending) {
            *state = State::Failed;
        }
        self.flight.landed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
