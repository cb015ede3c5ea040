//! What the processes of a run agree about: errors, settings, the checkpoint to resume from, when to stop.

use std::ops::ControlFlow;

use wengert_nn::{Module, ParametersExt, Slot};
use wengert_tensor::Real;

use super::checkpoint::Checkpoint;
use super::error::TrainError;
use super::prepare::Prepared;
use super::source::BatchSource;
use super::state::State;
use super::trainer::Trainer;
use crate::distributed::Communicator;
use crate::report::Fingerprint;

/// Between the name and the value of a setting, and after it: the separators of units and records in ASCII.
const UNIT: char = '\u{1f}';
const RECORD: char = '\u{1e}';

/// The result of this process if no process has an error; otherwise an error for each.
pub(super) fn agree<R>(
    others: Option<&Communicator>,
    own: Result<R, TrainError>,
) -> Result<R, TrainError> {
    let Some(others) = others else {
        return own;
    };
    let text = own.as_ref().err().map(ToString::to_string);
    let texts = others.gather(text.unwrap_or_default().into_bytes());
    let value = own?;
    match texts.iter().position(|text| !text.is_empty()) {
        None => Ok(value),
        Some(process) => Err(TrainError::OtherProcess {
            process,
            error: String::from_utf8_lossy(&texts[process]).into_owned(),
        }),
    }
}

impl<T: Real, M, D> Trainer<'_, T, M, D>
where
    M: Module<T> + Sync,
    D: BatchSource<T>,
{
    /// The connection to other processes, if there are any.
    pub(super) fn others(&self) -> Option<&Communicator> {
        self.communicator
            .filter(|communicator| communicator.size() > 1)
    }

    /// Whether this process writes files.
    pub(super) fn writes(&self) -> bool {
        self.communicator
            .is_none_or(|communicator| communicator.rank() == 0)
    }

    /// The result of this process if no process has an error; otherwise an error for each.
    pub(super) fn agree<R>(&self, own: Result<R, TrainError>) -> Result<R, TrainError> {
        agree(self.others(), own)
    }

    /// Whether any process wants to stop.
    pub(super) fn agree_to_go_on(&self, own: ControlFlow<()>) -> ControlFlow<()> {
        let stops = match self.others() {
            Some(others) => others.any(own.is_break()),
            None => own.is_break(),
        };
        if stops {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// The checkpoint that the first process has read, which the others need not see on a disk of theirs.
    pub(super) fn share_checkpoint(
        &self,
        own: Result<Option<Checkpoint>, TrainError>,
    ) -> Result<Option<Checkpoint>, TrainError> {
        let own = self.agree(own)?;
        let Some(others) = self.others() else {
            return Ok(own);
        };
        let message = own.as_ref().map_or_else(Vec::new, Checkpoint::to_message);
        let messages = others.gather(message);
        let first = messages.into_iter().next().unwrap_or_default();
        let shared = match own {
            Some(own) => Ok(Some(own)),
            None if first.is_empty() => Ok(None),
            None => Checkpoint::from_message(&first).map(Some),
        };
        self.agree(shared.map_err(TrainError::from))
    }

    /// An error if a process has other settings, other data, another version or other weights than the first one.
    pub(super) fn agree_about_settings(
        &self,
        state: &State<T>,
        prepared: &Prepared,
    ) -> Result<(), TrainError> {
        let Some(others) = self.others() else {
            return Ok(());
        };
        let mut own = vec![("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
        own.extend(self.settings(state, prepared));
        own.push((
            "number of epochs".to_owned(),
            self.options.epochs.to_string(),
        ));
        let lines = self.configuration.lines().map(str::to_owned);
        own.extend(lines.map(|line| ("line of the configuration".to_owned(), line)));
        own.push((
            "list of k of top-k".to_owned(),
            format!("{:?}", self.options.top_k),
        ));
        let checkpoints = self.checkpoints.as_ref();
        let checkpoints = checkpoints.map(|options| (options.every_epochs, options.every_steps));
        own.push((
            "number of checkpoints".to_owned(),
            format!("{checkpoints:?}"),
        ));
        let optimizer = self.method.state_dict();
        own.push(("optimizer".to_owned(), format!("{:?}", optimizer.options)));
        own.push((
            "state of the optimizer".to_owned(),
            format!("{:?}", optimizer.scalars),
        ));
        own.push(("set of starting weights".to_owned(), weights(&*self.model)));
        let text = own
            .iter()
            .map(|(name, value)| format!("{name}{UNIT}{value}{RECORD}"));
        let texts = others.gather(text.collect::<String>().into_bytes());
        let settings = texts
            .iter()
            .map(|text| String::from_utf8_lossy(text).into_owned());
        let settings: Vec<_> = settings.collect();
        for (process, theirs) in settings.iter().enumerate() {
            let mut pairs = settings[0].split(RECORD).zip(theirs.split(RECORD));
            if let Some((first, other)) = pairs.find(|(first, other)| first != other) {
                let (name, value) = first.split_once(UNIT).unwrap_or((first, ""));
                let (other_name, other_value) = other.split_once(UNIT).unwrap_or((other, ""));
                return Err(TrainError::Disagreement {
                    name: if name == other_name {
                        name
                    } else {
                        "set of options"
                    }
                    .to_owned(),
                    process,
                    value: other_value.to_owned(),
                    first: value.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// A hash of every bit of a model.
fn weights<T: Real>(model: &impl Module<T>) -> String {
    let mut hash = Fingerprint::new();
    model.each(|path, slot| match slot {
        Slot::Param(param) => hash.add(path, param.shape(), &param.value().to_vec()),
        Slot::Buffer(buffer) => hash.add(path, buffer.shape(), &buffer.value().to_vec()),
        Slot::Counter(counter) => hash.bytes(&counter.value().to_le_bytes()),
    });
    hash.to_string()
}
