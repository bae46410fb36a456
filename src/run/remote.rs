//! The journal of faults that lie in a Toxiproxy elsewhere: the guardian undoes them when we cannot.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use super::chain;
use crate::{
    fault::toxiproxy::{RemoteJournal, RemoteUndo},
    guardian::{Guardian, HttpUndo, JournalId, Undo},
};

/// Keeps the guardian's journal.
pub(super) struct Journal {
    guardian: Arc<Guardian>,
    promised: Mutex<HashMap<String, JournalId>>,
}

impl Journal {
    pub(super) fn new(guardian: &Arc<Guardian>) -> Self {
        Self {
            guardian: Arc::clone(guardian),
            promised: Mutex::default(),
        }
    }

    /// Nothing panics while it holds this lock, so what it guards is whole.
    fn promised(&self) -> std::sync::MutexGuard<'_, HashMap<String, JournalId>> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RemoteJournal for Journal {
    async fn promise(&self, undo: &RemoteUndo) -> Result<(), String> {
        if self.promised().contains_key(&undo.fault) {
            return Ok(());
        }
        let note = format!("fault {} in the Toxiproxy at {}", undo.fault, undo.api);
        let http = Undo::Http(HttpUndo {
            address: undo.api,
            requests: undo.requests.clone(),
        });
        let entry = self.guardian.journal(http, &note).await;
        let entry = entry.map_err(|error| chain(&error))?;
        self.promised().insert(undo.fault.clone(), entry);
        Ok(())
    }

    async fn keep(&self, fault: &str) -> Result<(), String> {
        let entry = self.promised().remove(fault);
        match entry {
            Some(entry) => {
                let undone = self.guardian.undone(entry).await;
                undone.map_err(|error| chain(&error))
            }
            None => Ok(()),
        }
    }
}
