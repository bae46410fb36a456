use super::*;
use crate::diagnostic::{RenderStyle, Source};

fn read(text: &str) -> (Option<Spanned<Node>>, String, Mistakes) {
    let mut mistakes = Mistakes::new(Source::new("x.yaml", text));
    let tree = tree(&mut mistakes);
    let shown = std::mem::replace(&mut mistakes, Mistakes::new(Source::new("x.yaml", text)))
        .finish()
        .render(RenderStyle::Plain);
    (tree, shown, mistakes)
}

/// Each scalar of the tree, as text and as it stands in the file.
fn scalars<'a>(node: &'a Spanned<Node>, text: &'a str, out: &mut Vec<(&'a str, &'a str)>) {
    let written = &text[node.place.start..node.place.start + node.place.len];
    match &node.value {
        Node::Null => out.push(("", written)),
        Node::Scalar(scalar) => out.push((&scalar.text, written)),
        Node::Seq(items) => items.iter().for_each(|i| scalars(i, text, out)),
        Node::Map(entries) => {
            for (key, value) in entries {
                out.push((
                    &key.value,
                    &text[key.place.start..key.place.start + key.place.len],
                ));
                scalars(value, text, out);
            }
        }
    }
}

#[test]
fn every_scalar_knows_its_place() {
    let text = "a: 1_000\n'b': \"é\\tx\"\nc: [5, 0.5, true, 0x10, on, 1%]\n\
                d: {e: 400/s -> 45_000/s in 1m, f: *x}\n"
        .replace("*x", "portal:/a");
    let (tree, shown, _) = read(&text);
    assert_eq!(shown, "");
    let tree = tree.expect("tree");
    let mut found = Vec::new();
    scalars(&tree, &text, &mut found);
    let expected = [
        ("a", "a"),
        ("1_000", "1_000"),
        ("b", "'b'"),
        ("é\tx", "\"é\\tx\""),
        ("c", "c"),
        ("5", "5"),
        ("0.5", "0.5"),
        ("true", "true"),
        ("0x10", "0x10"),
        ("on", "on"),
        ("1%", "1%"),
        ("d", "d"),
        ("e", "e"),
        ("400/s -> 45_000/s in 1m", "400/s -> 45_000/s in 1m"),
        ("f", "f"),
        ("portal:/a", "portal:/a"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn parts_of_texts_are_found_in_the_file() {
    let text = "a: \"x -> y\"\nb: x -> y\nc: \"\\x41 y\"\n";
    let (tree, _, mut mistakes) = read(text);
    let Some(Node::Map(entries)) = tree.map(|t| t.value) else {
        panic!("a mapping");
    };
    for (i, range, expected) in [(0, 5..6, "y"), (1, 5..6, "y"), (2, 2..3, "\"\\x41 y\"")] {
        let part = mistakes
            .text(&entries[i].1, "a text")
            .expect("text")
            .part(range);
        assert_eq!(&text[part.start..part.start + part.len], expected);
    }
}

#[test]
fn what_is_no_yaml_is_explained() {
    for (text, says) in [
        ("a: [1, 2\nb: 3\n", "x.yaml:"),
        ("a: {b: {{c}}}\n", "must be quoted"),
        ("a: {{c}}\n", "must be quoted"),
        ("a: {b: portal:/x/{{c}}}\n", "must be quoted"),
        (
            "a: 1\nb: 2\na: 3\n",
            "x.yaml:3:1: error: the key `a` is given twice",
        ),
        ("a:\n\tb: 1\n", "tabs"),
        ("a: b: c\n", "must be quoted"),
        ("a: *nothing\n", "x.yaml:1:4"),
        ("a: 1\n---\nb: 2\n", "x.yaml:"),
        ("? [1, 2]\n: 3\n", "a key must be a text"),
    ] {
        let (_, shown, _) = read(text);
        assert!(shown.contains(says), "{text}: {shown}");
    }
}

#[test]
fn what_no_person_wrote_is_refused_quickly() {
    let deep = "[".repeat(10_000);
    let blocks: String = (0..2_000).map(|i| " ".repeat(i) + "a:\n").collect();
    let bomb = std::iter::once("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned())
        .chain((1..12).map(|i| {
            let last = format!("*a{}", i - 1);
            format!("a{i}: &a{i} [{}]\n", [last.as_str(); 10].join(", "))
        }))
        .collect::<String>();
    let many = "- 1\n".repeat(300_000);
    for text in [deep, blocks, bomb, many] {
        let (tree, shown, _) = read(&text);
        assert!(tree.is_none());
        assert!(shown.contains("error"), "{shown}");
        assert!(shown.len() < 2_000, "{shown}");
    }
}

#[test]
fn merges_and_aliases_point_at_what_they_repeat() {
    let text = "base: &base {x: 1}\nuse: {<<: *base, y: 2}\n";
    let (tree, shown, _) = read(text);
    assert_eq!(shown, "");
    let tree = tree.expect("tree");
    let mut found = Vec::new();
    scalars(&tree, text, &mut found);
    assert!(found.contains(&("y", "y")), "{found:?}");
    assert_eq!(
        found.iter().filter(|(t, _)| *t == "x").count(),
        2,
        "{found:?}"
    );
}
