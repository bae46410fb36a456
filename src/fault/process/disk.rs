//! A disk that fills up.

use super::{ProcessControl, ProcessInjector, ProcessRoom};
use crate::{
    fault::{FaultError, Removal},
    plan::ServiceId,
    units::{ByteSize, Ratio},
};

impl ProcessInjector {
    /// Fills the process's own disk up to `used`.
    pub(super) async fn fill(
        &self,
        control: &dyn ProcessControl,
        used: Ratio,
    ) -> Result<(), FaultError> {
        let mut all = self.processes.disks.lock().await;
        all.retain(|(_, fault, _)| fault != self.dose.name());
        // from here on a removal is owed, whatever is seen
        all.push((self.service, self.dose.name().to_owned(), used));
        let filled = control.fill(self.service, self.fullest(&all)).await;
        filled
            .map(drop)
            .map_err(|error| self.not_injected(error.detail))
    }

    pub(super) async fn empty(&self, control: &dyn ProcessControl) -> Result<Removal, FaultError> {
        let mut all = self.processes.disks.lock().await;
        let before = all.clone();
        all.retain(|(_, fault, _)| fault != self.dose.name());
        let left = self.fullest(&all);
        match control.fill(self.service, left).await {
            Err(error) => {
                *all = before;
                Err(self.not_removed(error.detail))
            }
            Ok(room) if left.is_none() => Ok(Removal::verified(format!("gone; {}", told(room)))),
            Ok(_) => Ok(Removal::verified("gone; other faults still fill the disk")),
        }
    }

    /// What the faults together want; `None` = nothing.
    fn fullest(&self, all: &[(ServiceId, String, Ratio)]) -> Option<Ratio> {
        let ours = all.iter().filter(|(service, ..)| *service == self.service);
        ours.map(|(.., used)| *used)
            .max_by(|a, b| a.get().total_cmp(&b.get()))
    }
}

/// `60.2 MB of the disk's 64.0 MB are free`.
fn told(room: ProcessRoom) -> String {
    let mb = |size: ByteSize| size.0 as f64 / 1e6;
    let (free, size) = (mb(room.free), mb(room.size));
    format!("{free:.1} MB of the disk's {size:.1} MB are free")
}
