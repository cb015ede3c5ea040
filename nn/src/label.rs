//! The path of a layer inside a model, for messages and summaries.

use std::sync::{Arc, RwLock};

use wengert_tensor::fail::Scope;

/// Where a layer stands in the model that was last walked, such as `layer1.0.conv2`.
///
/// Only messages and summaries read it; a clone starts without one.
#[derive(Debug, Default)]
pub struct Label(RwLock<Option<Arc<str>>>);

impl Label {
    /// The path; empty before any walk.
    #[must_use]
    pub fn path(&self) -> Arc<str> {
        self.read().unwrap_or_else(|| Arc::from(""))
    }

    fn read(&self) -> Option<Arc<str>> {
        self.0
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Names this layer in every failure until the scope is dropped.
    pub fn enter(&self) -> Option<Scope> {
        self.read()
            .filter(|path| !path.is_empty())
            .map(Scope::enter)
    }

    pub(crate) fn set(&self, path: &str) {
        let known = self.0.read();
        let known = known.unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.as_deref() != Some(path) {
            drop(known);
            let known = self.0.write();
            *known.unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Arc::from(path));
        }
    }
}

impl Clone for Label {
    fn clone(&self) -> Self {
        Self::default()
    }
}
