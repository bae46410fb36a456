//! Rows of data from a file: CSV as RFC 4180 has it, with a first line of names.

use std::fmt;

/// The largest file of rows, in bytes.
pub const LARGEST_ROWS: u64 = 32 << 20;
/// The most cells.
const MOST_CELLS: usize = 4_000_000;

/// A table: names of columns, and at least one row with a cell for each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    columns: Vec<String>,
    /// Row after row.
    cells: Vec<Box<str>>,
}

/// Why a text is not a table, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsError {
    /// The line, from 1.
    pub line: usize,
    /// The character of the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for RowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, why } = self;
        write!(f, "line {line}, column {column}: {why}")
    }
}

impl Rows {
    /// Reads a text. Lines end with LF or CRLF; cells are separated by commas, and may stand in
    /// double quotes, in which a quote is doubled. Empty lines are left out.
    ///
    /// # Errors
    /// The first mistake: a quote that is never closed or stands where none may, a row that is
    /// longer or shorter than the first line, names that are empty or given twice, no row at all,
    /// or too many cells.
    pub fn parse(text: &str) -> Result<Self, RowsError> {
        let mut reader = Reader::new(text.strip_prefix('\u{feff}').unwrap_or(text));
        let Some(names) = reader.row()? else {
            return Err(reader.wrong("there is no first line with the names of the columns"));
        };
        let mut columns: Vec<String> = Vec::with_capacity(names.len());
        for Cell { text, line, column } in names {
            let name = text.trim();
            let twice = columns.iter().any(|known| known == name);
            if name.is_empty() || twice {
                let why = match twice && !name.is_empty() {
                    true => format!("two columns are called `{name}`"),
                    false => "a column has no name".to_owned(),
                };
                return Err(RowsError { line, column, why });
            }
            columns.push(name.to_owned());
        }
        let mut cells = Vec::new();
        while let Some(row) = reader.row()? {
            if row.len() != columns.len() {
                let why = format!(
                    "this row has {} cells, the first line {}",
                    row.len(),
                    columns.len()
                );
                let line = row.first().map_or(1, |cell| cell.line);
                return Err(RowsError {
                    line,
                    column: 1,
                    why,
                });
            }
            if cells.len() + row.len() > MOST_CELLS {
                return Err(reader.wrong(&format!("more than {MOST_CELLS} cells")));
            }
            cells.extend(row.into_iter().map(|cell| cell.text.into_boxed_str()));
        }
        if cells.is_empty() {
            return Err(reader.wrong("there is no row below the names of the columns"));
        }
        Ok(Self { columns, cells })
    }

    /// The names of the columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        (self.cells.len() / self.columns.len().max(1)) as u64
    }

    /// Whether there are none: before they were read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The number of the column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// A cell, rows and columns counted from 0; `None` outside.
    #[must_use]
    pub fn cell(&self, row: u64, column: usize) -> Option<&str> {
        if column >= self.columns.len() {
            return None;
        }
        let at = usize::try_from(row).ok()?.checked_mul(self.columns.len())?;
        self.cells.get(at + column).map(AsRef::as_ref)
    }
}

struct Cell {
    text: String,
    line: usize,
    column: usize,
}

/// How a cell ended.
enum Stop {
    Comma,
    Line,
}

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
    column: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text.chars().peekable(),
            line: 1,
            column: 1,
        }
    }

    fn wrong(&self, why: &str) -> RowsError {
        RowsError {
            line: self.line,
            column: self.column,
            why: why.to_owned(),
        }
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        if next == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(next)
    }

    /// The next row that is not an empty line.
    fn row(&mut self) -> Result<Option<Vec<Cell>>, RowsError> {
        while matches!(self.rest.peek(), Some('\n' | '\r')) {
            self.next();
        }
        if self.rest.peek().is_none() {
            return Ok(None);
        }
        let mut row = Vec::new();
        loop {
            let (line, column) = (self.line, self.column);
            let (text, stop) = self.cell()?;
            row.push(Cell { text, line, column });
            if matches!(stop, Stop::Line) {
                return Ok(Some(row));
            }
        }
    }

    fn cell(&mut self) -> Result<(String, Stop), RowsError> {
        let quoted = self.rest.peek() == Some(&'"');
        let mut text = if quoted {
            self.quoted()?
        } else {
            String::new()
        };
        loop {
            match self.rest.peek() {
                None => return Ok((text, Stop::Line)),
                Some(',') => {
                    self.next();
                    return Ok((text, Stop::Comma));
                }
                Some('\n') => {
                    self.next();
                    return Ok((text, Stop::Line));
                }
                Some('\r') => {
                    self.next();
                    if self.rest.peek() != Some(&'\n') {
                        return Err(self.wrong("a carriage return that ends no line"));
                    }
                }
                Some(_) if quoted => {
                    return Err(self.wrong("a closing quote ends its cell: a comma is missing"));
                }
                Some('"') => {
                    return Err(self.wrong("a quote in a cell that does not begin with one"));
                }
                Some(_) => text.extend(self.next()),
            }
        }
    }

    /// A cell in quotes, up to its closing one.
    fn quoted(&mut self) -> Result<String, RowsError> {
        let never_closed = self.wrong("a quote is never closed");
        self.next();
        let mut text = String::new();
        while let Some(next) = self.next() {
            if next != '"' {
                text.push(next);
            } else if self.rest.peek() == Some(&'"') {
                text.extend(self.next());
            } else {
                return Ok(text);
            }
        }
        Err(never_closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_the_rfc_has_them() {
        let text =
            "\u{feff}mobile,name\r\n9000000001,Asha\r\n\r\n\"90,02\",\"a \"\"b\"\"\nc\"\n,\n";
        let rows = Rows::parse(text).expect("a table");
        assert_eq!(rows.columns(), ["mobile", "name"]);
        assert_eq!(rows.len(), 3);
        let cell = |row, column| rows.cell(row, column).expect("a cell");
        assert_eq!(cell(0, rows.column("name").expect("there")), "Asha");
        assert_eq!((cell(1, 0), cell(1, 1)), ("90,02", "a \"b\"\nc"));
        assert_eq!((cell(2, 0), cell(2, 1)), ("", ""));
        assert_eq!((rows.cell(3, 0), rows.cell(0, 2)), (None, None));
    }

    #[test]
    fn mistakes_have_their_place() {
        for (text, expected) in [
            (
                "",
                "line 1, column 1: there is no first line with the names of the columns",
            ),
            (
                "a,b\n",
                "line 2, column 1: there is no row below the names of the columns",
            ),
            ("a,a\n1,2", "line 1, column 3: two columns are called `a`"),
            ("a,\n1,2", "line 1, column 3: a column has no name"),
            (
                "a,b\n1,2\n3",
                "line 3, column 1: this row has 1 cells, the first line 2",
            ),
            ("a\n\"x\ny", "line 2, column 1: a quote is never closed"),
            (
                "a\nx\"y\"",
                "line 2, column 2: a quote in a cell that does not begin with one",
            ),
            (
                "a,b\n\"x\"y,2",
                "line 2, column 4: a closing quote ends its cell: a comma is missing",
            ),
            (
                "a\nx\ry",
                "line 2, column 3: a carriage return that ends no line",
            ),
        ] {
            let error = Rows::parse(text).expect_err(text);
            assert_eq!(error.to_string(), expected, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_quoted_is_read_back(cells in proptest::collection::vec("[a-z\",\r\n ]{0,8}", 1..20)) {
            let quote = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let lines: Vec<String> = cells.iter().map(quote).collect();
            let rows = Rows::parse(&format!("x\n{}\n", lines.join("\n"))).expect("a table");
            let back: Vec<_> = (0..rows.len()).filter_map(|row| rows.cell(row, 0)).collect();
            proptest::prop_assert_eq!(back, cells);
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,40}") {
            let _ = Rows::parse(&text);
        }
    }
}
