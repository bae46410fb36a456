//! Responses by the grammar, and damage done to them.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

/// A response, how it was asked for, and what it has to decode to.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) head_request: bool,
    pub(super) bytes: Vec<u8>,
    pub(super) expected: Whole,
}

#[derive(Debug, Clone)]
enum Coding {
    Length,
    Chunked {
        sizes: Vec<Index>,
        extension: String,
        trailers: Vec<(String, String)>,
    },
    Close,
}

fn coding() -> impl Strategy<Value = Coding> {
    let extension = prop_oneof![Just(String::new()), "[ \t]{0,2};[ -~]{0,9}"];
    let chunked = (vec(any::<Index>(), 0..6), extension, vec(field(), 0..3));
    prop_oneof![
        3 => Just(Coding::Length),
        3 => chunked.prop_map(|(sizes, extension, trailers)| Coding::Chunked {
            sizes, extension, trailers,
        }),
        1 => Just(Coding::Close),
    ]
}

/// A field that means nothing to a client.
fn field() -> impl Strategy<Value = (String, String)> {
    (
        "[xX]-[!#-'*+.0-9A-Z^-z|~-]{1,9}",
        "[!-~]([ -~\t]{0,20}[!-~])?|",
    )
}

/// Any response of HTTP/1.1 or 1.0.
pub(super) fn response() -> impl Strategy<Value = Sample> {
    let interim = vec(
        prop_oneof![Just(100), Just(102), Just(103), Just(199)],
        0..3,
    );
    let status = prop_oneof![3 => Just(200u16), 1 => Just(204), 1 => Just(304), 3 => 200u16..1000];
    let line = (status, 0u8..2, "[ -~]{0,12}", any::<bool>(), any::<bool>());
    let fields = vec(field(), 0..5);
    (interim, line, fields, coding(), vec(any::<u8>(), 0..300)).prop_map(
        |(interim, (status, minor, reason, head_request, kept), fields, coding, body)| {
            // HTTP/1.0 has no chunks
            let coding = match coding {
                Coding::Chunked { .. } if minor == 0 => Coding::Length,
                other => other,
            };
            let mut bytes = Vec::new();
            for status in interim {
                bytes.extend(format!("HTTP/1.1 {status} x\r\nlink: y\r\n\r\n").bytes());
            }
            bytes.extend(format!("HTTP/1.{minor} {status} {reason}\r\n").bytes());
            for (name, value) in &fields {
                bytes.extend(format!("{name}: {value}\r\n").bytes());
            }
            let option = if kept { "keep-alive" } else { "Close" };
            bytes.extend(format!("Connection: {option}\r\n").bytes());
            let bodyless = head_request || status == 204 || status == 304;
            match &coding {
                Coding::Length => {
                    bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                }
                Coding::Chunked { .. } => bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n"),
                Coding::Close => bytes.extend(b"\r\n"),
            }
            if !bodyless {
                coding.write(&body, &mut bytes);
            }
            let closed = matches!(coding, Coding::Close) && !bodyless;
            Sample {
                head_request,
                bytes,
                expected: Whole {
                    status,
                    body: if bodyless { Vec::new() } else { body },
                    reusable: kept && !closed,
                },
            }
        },
    )
}

impl Coding {
    fn write(&self, body: &[u8], out: &mut Vec<u8>) {
        let Self::Chunked {
            sizes,
            extension,
            trailers,
        } = self
        else {
            out.extend(body);
            return;
        };
        let mut cuts: Vec<_> = sizes
            .iter()
            .map(|size| size.index(body.len() + 1))
            .collect();
        cuts.push(body.len());
        cuts.sort_unstable();
        cuts.dedup();
        let mut from = 0;
        for cut in cuts.into_iter().filter(|cut| *cut > 0) {
            out.extend(format!("{:x}{extension}\r\n", cut - from).bytes());
            out.extend(&body[from..cut]);
            out.extend(b"\r\n");
            from = cut;
        }
        out.extend(format!("0{extension}\r\n").bytes());
        for (name, value) in trailers {
            out.extend(format!("{name}: {value}\r\n").bytes());
        }
        out.extend(b"\r\n");
    }
}

/// Where to cut bytes in pieces.
pub(super) fn pieces<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let mut from = 0;
    cuts.into_iter()
        .map(|cut| {
            let piece = &bytes[from..cut];
            from = cut;
            piece
        })
        .collect()
}

/// A response that was damaged somewhere.
pub(super) fn damaged() -> impl Strategy<Value = Sample> {
    let damage = (any::<Index>(), any::<Index>(), 0..7u8, spice());
    (response(), vec(damage, 0..4)).prop_map(|(mut sample, damages)| {
        for (at, other, how, spice) in damages {
            let bytes = &mut sample.bytes;
            let at = at.index(bytes.len() + 1);
            let end = at + other.index(20).min(bytes.len() - at);
            match how {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..end)),
                2 => drop(bytes.splice(at..end, spice)),
                3 => {
                    let again = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, again));
                }
                // where lines end is where the trouble is
                4 | 5 => {
                    let lines: Vec<_> = line_ends(bytes).collect();
                    if !lines.is_empty() {
                        let at = lines[other.index(lines.len())];
                        drop(bytes.splice(at..at, spice));
                    }
                }
                _ => drop(bytes.splice(at..at, spice)),
            }
        }
        sample
    })
}

fn line_ends(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.map(|(at, _)| at + 1)
}

/// Bytes that mean something somewhere.
fn spice() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        "\r",
        "\n",
        "\r\n",
        "\r\n\r\n",
        " ",
        "\t",
        ":",
        ";",
        ",",
        "0",
        "0\r\n\r\n",
        "\0",
        "\u{7f}",
        "ü",
        "content-length: 3\r\n",
        "Content-Length: 3, 3\r\n",
        "content-length: \r\n",
        "transfer-encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "connection: close\r\n",
        "HTTP/1.1 100 x\r\n\r\n",
        "HTTP/1.1 101 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\n",
        " folded\r\n",
        "ffffffffffffffff\r\n",
        "1;\r\n",
    ]);
    prop_oneof![
        4 => word.prop_map(|word| word.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..4),
    ]
}
