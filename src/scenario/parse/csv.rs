//! Rows of data from a file: `{csv: people.csv}`.

use std::{fs::File, io::Read as _, path::Path, sync::Arc};

use crate::{
    document::{Fields, Mistakes, beside, closest_hint},
    scenario::model::{CsvSource, LARGEST_ROWS, RowOrder, Rows},
};

/// A file of rows, read and checked. Its path is relative to the scenario's folder.
pub(super) fn csv(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<CsvSource> {
    let node = fields.get("csv")?;
    let given = mistakes.string(node, "the path of a CSV file")?;
    let order = match fields.get("order") {
        Some(node) => {
            let words = [
                ("sequence", RowOrder::Sequence),
                ("random", RowOrder::Random),
            ];
            mistakes.choice(node, "an order of rows", &words)
        }
        None => Some(RowOrder::default()),
    };
    let path = beside(mistakes.source(), Path::new(&given));
    let rows = read(&path).and_then(|text| Rows::parse(&text).map_err(|e| e.to_string()));
    let rows = match rows {
        Ok(rows) => rows,
        Err(why) => {
            let message = format!("`{given}` cannot be used: {why}");
            let mistake = mistakes.error(node.place, message, "this file");
            mistake.hint = (!path.exists())
                .then(|| "paths are relative to the folder of the scenario".to_owned());
            return None;
        }
    };
    let column = match fields.get("column") {
        Some(node) => {
            let text = mistakes.text(node, "the name of a column")?;
            if rows.column(text.value).is_none() {
                let columns = rows.columns().iter().map(String::as_str);
                let hint = closest_hint(text.value, columns);
                let message = format!("`{given}` has no column `{}`", text.value);
                mistakes.error(node.place, message, "not there").hint = hint;
                return None;
            }
            Some(text.value.to_owned())
        }
        None => None,
    };
    Some(CsvSource {
        path,
        column,
        order: order?,
        rows: Arc::new(rows),
    })
}

/// The text of a file that is one, and not too large.
fn read(path: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    let file = File::open(path).map_err(told)?;
    if !file.metadata().map_err(told)?.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_ROWS + 1)
        .read_to_end(&mut bytes)
        .map_err(told)?;
    if bytes.len() as u64 > LARGEST_ROWS {
        return Err(format!("it is larger than {} MiB", LARGEST_ROWS >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        format!("line {line}: it is not UTF-8 text")
    })
}
