//! From a path to a source, refusing what no person wrote.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};

/// The largest file that is read, in bytes.
pub const LARGEST_FILE: u64 = 2_000_000;

/// Reads a text file.
///
/// # Errors
/// When it cannot be read, is larger than [`LARGEST_FILE`], or is not UTF-8.
pub fn read(path: &Path) -> Result<Source, Diagnostics> {
    let nothing = Source::new(path, "");
    let refuse = |message: String, hint: Option<&str>| {
        let mut mistake = Diagnostic::error(&nothing, message);
        mistake.hint = hint.map(str::to_owned);
        Err(Diagnostics(vec![mistake]))
    };
    let mut bytes = Vec::new();
    let outcome = File::open(path).and_then(|file| {
        // one byte more than allowed tells a file that is too large, also when it is a pipe
        file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)
    });
    if let Err(error) = outcome {
        let hint = (error.kind() == std::io::ErrorKind::NotFound)
            .then_some("paths are relative to the folder that brownout was started in");
        return refuse(format!("cannot read the file: {error}"), hint);
    }
    if bytes.len() as u64 > LARGEST_FILE {
        return refuse(
            format!("the file is larger than {LARGEST_FILE} bytes"),
            Some("a scenario or target file is a few pages long; is this the right file?"),
        );
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(path, text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(valid).copied().unwrap_or_default();
            let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
            let source = Source::new(path, text);
            let mistake = Diagnostic::error(&source, "the file is not UTF-8 text")
                .at(
                    Place {
                        start: valid,
                        len: 0,
                    },
                    format!("the byte 0x{byte:02x} after this is not UTF-8"),
                )
                .hint("save the file as UTF-8");
            Err(Diagnostics(vec![mistake]))
        }
    }
}

/// A path that a file names, seen from that file's folder. `a/b.yaml` and `../c.yaml` make
/// `c.yaml`, unless `a` is a symbolic link: then `..` leads elsewhere.
pub(crate) fn beside(source: &Source, path: &Path) -> PathBuf {
    let mut folder = source.path.parent().unwrap_or(Path::new(""));
    let mut path = path;
    while let (Ok(rest), Some(_), Some(above)) =
        (path.strip_prefix(".."), folder.file_name(), folder.parent())
    {
        if folder.is_symlink() {
            break;
        }
        folder = above;
        path = rest;
    }
    folder.join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_folder_of_their_file() {
        for (file, path, expected) in [
            ("x.yaml", "y.pem", "y.pem"),
            ("a/x.yaml", "y.pem", "a/y.pem"),
            ("a/x.yaml", "../t/y.yaml", "t/y.yaml"),
            ("a/b/x.yaml", "../../y.yaml", "y.yaml"),
            ("x.yaml", "../y.yaml", "../y.yaml"),
            ("../x.yaml", "../y.yaml", "../../y.yaml"),
            ("/a/x.yaml", "../y.yaml", "/y.yaml"),
            ("a/x.yaml", "/y.yaml", "/y.yaml"),
        ] {
            let source = Source::new(file, "");
            assert_eq!(
                beside(&source, Path::new(path)),
                Path::new(expected),
                "{file} {path}"
            );
        }
    }
}
