//! Reads the settings again: configuration, accounts, credentials and certificates, all of them or nothing.

use std::sync::Arc;

use super::Runtime;
use crate::check;
use crate::hook;
use crate::monitor::Terms;
use crate::source::{Loaded, SourceError};
use crate::worker::Task;

/// What becomes of a reload that cannot be carried out.
const THE_OLD: &str = "the old configuration stays in use; repair that and reload again";

impl Runtime {
    /// The settings, and what probes with them from now on; or why the old ones stay.
    pub(super) fn read_settings(&mut self) -> Result<Box<Terms>, String> {
        let loaded = match self.source.load() {
            Ok(loaded) => loaded,
            Err(SourceError::Credentials(cause)) => {
                return Err(format!("reload refused: {cause}; the old credentials stay in use; repair the file and reload again"))
            }
            Err(cause) => return Err(format!("reload refused: {cause}; {THE_OLD}")),
        };
        let Loaded {
            settings,
            targets,
            remarks,
            unverified,
            ..
        } = loaded;
        let prober = match self.task.prober.renewed(&settings.probing) {
            Ok(prober) => Arc::new(prober),
            Err(cause) => {
                return Err(format!(
                    "reload refused: {cause}; the old certificates and credentials stay in use; repair that and reload again"
                ))
            }
        };
        if let Some(Err(cause)) = settings.hook.as_ref().map(hook::check) {
            return Err(format!("reload refused: {cause}; {THE_OLD}"));
        }
        // Lock, recording and state file stay the old ones, which the new files must leave alone, too.
        let mut kept = settings.clone();
        kept.files.lock = self.files.lock.clone();
        kept.files.state = self.files.state.clone();
        kept.files.record = self.files.record.clone();
        if let Err(cause) = self.source.check_files(&kept) {
            return Err(format!("reload refused: {cause}; {THE_OLD}"));
        }
        self.task = Task {
            pace: settings.pace,
            prober,
        };
        Ok(Box::new(Terms {
            summary: check::summary(&self.source, &settings, &targets),
            settings,
            targets,
            remarks,
            unverified,
        }))
    }
}
