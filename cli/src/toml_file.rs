//! Reading TOML files; an error is one sentence with the line.

use std::path::Path;

use toml::Table;

/// The table in a text; an error names the file, the line and what is wrong there.
pub fn parse(file: &Path, text: &str) -> Result<Table, String> {
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| {
            let before = text.get(..span.start).unwrap_or(text);
            1 + before.matches('\n').count()
        });
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        format!("{}: line {line}: {message}", file.display())
    })
}

/// As [`parse`], of a file.
pub fn read(file: &Path) -> Result<Table, String> {
    let text =
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    parse(file, &text)
}
