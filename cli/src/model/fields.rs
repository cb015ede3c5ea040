//! Reading the keys of a TOML table, each once, so that keys nobody asked for can be named.

use toml::{Table, Value};

use crate::suggest::nearest;

/// A table and where it is in its file, for messages.
pub struct Fields {
    table: Table,
    place: String,
    known: Vec<&'static str>,
}

impl Fields {
    pub fn new(table: Table, place: String) -> Self {
        Self {
            table,
            place,
            known: Vec::new(),
        }
    }

    /// The file and the layer that the table describes, for error messages. The kind of the layer is added once it is read.
    pub fn place(&self) -> &str {
        &self.place
    }

    pub fn set_place(&mut self, place: String) {
        self.place = place;
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn wrong(&self, key: &str, value: &Value, needed: &str) -> String {
        format!("{}: {key} = {value}: {needed} is needed", self.place)
    }

    /// A text.
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>, String> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, &other, "a text in quotes")),
        }
    }

    /// A whole number of at least `least`.
    pub fn count(&mut self, key: &'static str, least: usize) -> Result<Option<usize>, String> {
        /// More would only be a typing mistake, and could overflow a product of shapes.
        const MOST: i64 = 1 << 24;
        match self.take(key) {
            None => Ok(None),
            Some(Value::Integer(n)) if n >= least as i64 && n <= MOST => Ok(Some(n as usize)),
            Some(other) => {
                let needed = format!("a whole number of at least {least} and at most {MOST}");
                Err(self.wrong(key, &other, &needed))
            }
        }
    }

    /// As [`count`](Self::count), of a key that must be there.
    pub fn needed_count(&mut self, key: &'static str, least: usize) -> Result<usize, String> {
        if let Some(count) = self.count(key, least)? {
            return Ok(count);
        }
        let place = &self.place;
        let similar = nearest(key, self.table.keys().map(String::as_str));
        Err(format!("{place}: {key} is missing{similar}"))
    }

    /// A finite number.
    pub fn number(&mut self, key: &'static str) -> Result<Option<f64>, String> {
        let number = match self.take(key) {
            None => return Ok(None),
            Some(Value::Float(x)) if x.is_finite() => x,
            Some(Value::Integer(n)) => n as f64,
            Some(other) => return Err(self.wrong(key, &other, "a finite number")),
        };
        Ok(Some(number))
    }

    /// `true` or `false`.
    pub fn switch(&mut self, key: &'static str) -> Result<Option<bool>, String> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Boolean(on)) => Ok(Some(on)),
            Some(other) => Err(self.wrong(key, &other, "true or false")),
        }
    }

    /// A list of tables.
    pub fn tables(&mut self, key: &'static str) -> Result<Option<Vec<Table>>, String> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let wrong = self.wrong(key, &value, "a list of tables, each in brackets [[…]],");
        let Value::Array(list) = value else {
            return Err(wrong);
        };
        let tables: Option<Vec<_>> = list
            .into_iter()
            .map(|item| match item {
                Value::Table(table) => Some(table),
                _ => None,
            })
            .collect();
        tables.map(Some).ok_or(wrong)
    }

    /// An error if a key is left that was not asked for.
    pub fn finish(self) -> Result<(), String> {
        let Some(key) = self.table.keys().next() else {
            return Ok(());
        };
        Err(format!(
            "{}: unknown key {key:?}{}; known are {}",
            self.place,
            nearest(key, self.known.iter().copied()),
            self.known.join(", ")
        ))
    }
}
